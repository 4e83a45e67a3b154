// Judges one group of a simulated run by what there is in the end: every message that is stored
// went well, or was given up as the group's policy says, and has its effects as often as the
// delivery level promises. Knows no history but how often handlers were called. Always true: what
// it reports contradicts the settings of the group, whatever faults there were.
import { type Recorder, resultId } from "./recorder.ts";
import { fateOf, type GroupPlan, isContended, type Scenario } from "./scenario.ts";

/** A message as it is stored in the end. */
export interface StoredMessage {
  readonly channel: string;
  readonly log: string;
  readonly priority: string;
  readonly offset: number;
  readonly n: number;
  readonly key: string;
  readonly id: string;
}

/** A dead letter, by where its message stands. */
export interface Letter {
  readonly group: string;
  readonly attempts: number;
  readonly code: string;
  readonly log: string;
  readonly offset: number;
  /** The failed attempts that it lists, in its order. */
  readonly listed: readonly number[];
}

/** What struck in a run, as far as the verdict depends on it. */
export interface Circumstances {
  /** Nothing struck after which a message comes again. */
  readonly isMild: boolean;
  /** Wall clocks were wrong. */
  readonly hasJumped: boolean;
}

/** What a group is judged by. */
export interface GroupEvidence {
  /** How many messages each group says have expired. */
  readonly expired: ReadonlyMap<string, number>;
  readonly stored: readonly StoredMessage[];
  readonly letters: readonly Letter[];
  readonly applied: ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>;
}

/** See the head of this file. */
export class GroupVerdict {
  readonly #plan: GroupPlan;
  readonly #seed: number;
  readonly #recorder: Recorder;
  readonly #messages: readonly StoredMessage[];
  readonly #letters = new Map<string, Letter[]>();
  readonly #results = new Map<string, number>();
  readonly #rows: ReadonlyMap<string, readonly number[]>;
  readonly #expired: number;
  readonly #found: string[] = [];
  #hasJumped = false;
  /** Messages that nobody handled, and those that may have expired. */
  #unhandled = 0;
  #expirable = 0;

  constructor(plan: GroupPlan, { seed }: Scenario, recorder: Recorder, end: GroupEvidence) {
    this.#plan = plan;
    this.#seed = seed;
    this.#recorder = recorder;
    this.#messages = end.stored.filter(({ channel }) => channel === plan.channel);
    for (const letter of end.letters) {
      if (letter.group !== plan.name) continue;
      const place = `${letter.log} ${letter.offset}`;
      this.#letters.set(place, [...(this.#letters.get(place) ?? []), letter]);
    }
    for (const { channel, id } of end.stored) {
      if (channel === "results") this.#results.set(id, (this.#results.get(id) ?? 0) + 1);
    }
    this.#expired = end.expired.get(plan.name) ?? 0;
    this.#rows = end.applied.get(plan.name) ?? new Map();
  }

  /** What is wrong. */
  violations({ isMild, hasJumped }: Circumstances): readonly string[] {
    this.#hasJumped = hasJumped;
    const counts = this.#effects();
    for (const message of this.#messages) this.#judge(message, counts.get(message.id) ?? 0, isMild);
    if (this.#plan.order === "key") this.#judgeOrder();
    this.#judgeExpired();
    return this.#found;
  }

  get #isOnce(): boolean {
    return this.#plan.delivery === "effectively-once";
  }

  #judge(message: StoredMessage, effects: number, isMild: boolean): void {
    const { id, log, offset } = message;
    const letters = this.#letters.get(`${log} ${offset}`) ?? [];
    const name = `${this.#plan.name} ${id}`;
    const done = this.#recorder.done.get(name) ?? 0;
    const failures = this.#recorder.failures.get(name) ?? 0;
    const isDiscarded = this.#plan.ending === "discard" && this.#mayGiveUp(message, failures);
    const mayBeUnhandled = isDiscarded || this.#mayHaveExpired(id);
    if (done === 0 && letters.length === 0) {
      if (!mayBeUnhandled) this.#report(id, "was neither handled nor given up");
      else if (!isDiscarded) this.#unhandled++;
    }
    const isSettled = this.#isOnce && effects + letters.length > 0;
    if (!isSettled && this.#mayHaveExpired(id)) this.#expirable++;
    if (this.#plan.ending !== "dead-letter" && letters.length > 0) {
      this.#report(id, `is a dead letter, and the group's policy says ${this.#plan.ending}`);
    }
    for (const letter of letters) this.#judgeLetter(message, letter);
    if (letters.length > 1 && (this.#isOnce || isMild)) {
      this.#report(id, `is ${letters.length} dead letters`);
    }
    if (isMild && done > 1 && !isContended(this.#plan))
      this.#report(id, `was handled ${done} times`);
    if (this.#isOnce) this.#judgeEffects(message, effects, letters.length, mayBeUnhandled);
  }

  #mayHaveExpired(id: string): boolean {
    return this.#recorder.expiry.mayHavePassed(id, this.#recorder.nowMs, this.#hasJumped);
  }

  /** What the group says it has passed over: everything that nobody handled, and no more. */
  #judgeExpired(): void {
    if (this.#unhandled <= this.#expired && this.#expired <= this.#expirable) return;
    const between = `between ${this.#unhandled} and ${this.#expirable}`;
    this.#report("it", `says that ${this.#expired} messages have expired: ${between} have`);
  }

  /** Whether its handler failed in a way after which the policy gives up. */
  #mayGiveUp({ n }: StoredMessage, failures: number): boolean {
    if (failures >= this.#plan.attempts) return true;
    return failures > 0 && fateOf(this.#seed, this.#plan.name, n).kind === "rejected";
  }

  #judgeLetter({ id, n }: StoredMessage, { code, attempts, listed }: Letter): void {
    const name = `${this.#plan.name} ${id}`;
    const failures = this.#recorder.failures.get(name) ?? 0;
    if (attempts > failures) {
      this.#report(id, `was given up after ${attempts} failures of ${failures}`);
    }
    if (listed.some((attempt, index) => attempt < (listed[index - 1] ?? 1))) {
      this.#report(id, `lists the attempts ${listed.join(", ")}`);
    }
    if (listed.at(-1) !== attempts) {
      this.#report(id, `was given up at attempt ${attempts}, and lists ${listed.join(", ")}`);
    }
    if (code === "REJECTED") {
      if (fateOf(this.#seed, this.#plan.name, n).kind === "rejected") return;
      this.#report(id, "was rejected by nobody");
    } else if (attempts !== this.#plan.attempts) {
      this.#report(id, `was given up (${code}) after ${attempts} of ${this.#plan.attempts} calls`);
    }
  }

  #judgeEffects(
    { id, n }: StoredMessage,
    effects: number,
    letters: number,
    mayBeUnhandled: boolean,
  ): void {
    const ends = effects + letters;
    const isRight = ends === 1 || (ends === 0 && mayBeUnhandled);
    if (!isRight) this.#report(id, `has ${effects} effects and ${letters} dead letters`);
    if (this.#plan.publishes === "nothing") return;
    const results = this.#results.get(resultId(n)) ?? 0;
    if (results !== effects) this.#report(id, `has ${results} results and ${effects} effects`);
  }

  /** How often each message is in the state. */
  #effects(): ReadonlyMap<string, number> {
    const prefix = this.#plan.channel === "results" ? "r" : "m";
    const counts = new Map<string, number>();
    for (const numbers of this.#rows.values()) {
      for (const n of numbers) counts.set(prefix + n, (counts.get(prefix + n) ?? 0) + 1);
    }
    return counts;
  }

  /** The state of a key has its effects in the order of the log. */
  #judgeOrder(): void {
    const offsets = new Map(this.#messages.map((each) => [each.n, each.offset]));
    for (const [row, numbers] of this.#rows) {
      let last = -1;
      for (const n of numbers) {
        const offset = offsets.get(n) ?? -1;
        if (offset <= last) this.#report(row, `${n} at ${offset} had its effect after ${last}`);
        last = offset;
      }
    }
  }

  #report(what: string, text: string): void {
    this.#found.push(`group ${this.#plan.name}: ${what} ${text}`);
  }
}
