// What is found in the end, and how it is compared with a row of the table. Always true: each fault
// says what was expected and what was found.
import type { Bus } from "spillway";
import type { Service } from "./combinations.ts";
import { Done, followers, type Note, stranger, subject, work } from "./messages.ts";
import type { Later, Outcome } from "./outcome-table.ts";
import { reason } from "./policies.ts";

/** What all services of a run left behind. */
export interface Evidence {
  readonly notes: readonly Note[];
  /** Effects in the order in which they became durable. */
  readonly effects: readonly { readonly service: string; readonly n: number }[];
  readonly letters: readonly {
    readonly service: string;
    readonly n: number;
    readonly why: string;
  }[];
}

/** Reads what was stored. */
export async function evidenceOf(bus: Bus, notes: readonly Note[]): Promise<Evidence> {
  const effects: { service: string; n: number }[] = [];
  for await (const { data } of bus.read(Done)) effects.push(data);
  const letters: { service: string; n: number; why: string }[] = [];
  for await (const { group, code, reason: why, attempts, envelope } of bus.deadLetters(work)) {
    const { n } = JSON.parse(String(envelope.payload)) as { readonly n: number };
    letters.push({ service: group, n, why: `${code}, ${why}, ${attempts}` });
  }
  return { notes, effects, letters };
}

/** What is not as the table says. */
export function faultsOf(service: Service, outcome: Outcome, evidence: Evidence): string[] {
  const notes = evidence.notes.filter((note) => note.service === service.name);
  const effects = evidence.effects.filter((each) => each.service === service.name);
  const letters = evidence.letters.filter((each) => each.service === service.name);
  const faults: string[] = [];
  const expect = (what: string, found: unknown, wanted: unknown): void => {
    const [left, right] = [JSON.stringify(found), JSON.stringify(wanted)];
    if (left !== right) faults.push(`${what}: ${left} instead of ${right}`);
  };
  const calls = notes.flatMap((note) =>
    note.kind === "call" && note.n === subject ? [note.attempt] : [],
  );
  expect("attempts", calls, outcome.calls);
  const fallbacks = notes.filter(({ kind }) => kind === "fallback").length;
  expect("calls of the fallback", fallbacks, outcome.fallbackCalls);
  const numbers = effects.map(({ n }) => n);
  const timesOf = (n: number): number => numbers.filter((each) => each === n).length;
  expect("effects", timesOf(subject), outcome.effects);
  const attempts = outcome.calls.at(-1) ?? 0;
  const letter = { service: service.name, n: subject, why: letterOf(attempts) };
  expect("dead letters", letters, outcome.end === "dead-lettered" ? [letter] : []);
  if (outcome.end === "discarded") {
    expect(
      "failed before it is discarded",
      notes.some(({ kind }) => kind === "failed"),
      true,
    );
  }
  if (service.delivery === "effectively-once") {
    for (const n of [subject, ...followers, stranger]) {
      const counts = notes.flatMap((note) =>
        note.kind === "state" && note.n === n ? [note.count] : [],
      );
      expect(`state of message ${n}`, counts, timesOf(n) === 0 ? [] : [1]);
    }
  }
  return [...faults, ...laterFaults(service, outcome.later, notes, numbers)];
}

function letterOf(attempts: number): string {
  return `HANDLER_FAILED, ${reason}: it fails, ${attempts}`;
}

/** Later messages that were not treated as the table says. */
function laterFaults(
  { order, action }: Service,
  later: Later,
  notes: readonly Note[],
  numbers: readonly number[],
): string[] {
  const faults: string[] = [];
  const callsOf = (n: number): number =>
    notes.filter((note) => note.kind === "call" && note.n === n).length;
  const timesOf = (n: number): number => numbers.filter((each) => each === n).length;
  const isMissing = later === "lost" || later === "maybe";
  for (const n of [...followers, stranger]) {
    const most = later === "lost" && (n !== stranger || order === "none") ? 0 : 1;
    const [calls, effects] = [callsOf(n), timesOf(n)];
    if (isMissing && (calls > most || effects > calls)) {
      faults.push(`message ${n}: ${calls} calls, ${effects} effects`);
    }
    if (!isMissing && effects !== 1) faults.push(`message ${n}: ${effects} effects`);
  }
  if (order === "key" && !isMissing) {
    if (!isAscending(numbers.filter((n) => n !== stranger)))
      faults.push(`order: ${numbers.join()}`);
    faults.push(...overtakers(notes));
  }
  const waits = action === "retry" || action === "park";
  const flowing = later === "flow" ? [...followers, stranger] : waits ? [stranger] : [];
  if (waits) faults.push(...earlyCalls(notes));
  const at = numbers.indexOf(subject);
  for (const n of flowing) {
    if (numbers.indexOf(n) > at) faults.push(`message ${n} waited, too: ${numbers.join()}`);
  }
  return later === "paused" ? [...faults, ...callsWhileOpen(notes)] : faults;
}

function isAscending(numbers: readonly number[]): boolean {
  return numbers.every((n, at) => at === 0 || n > (numbers[at - 1] as number));
}

/** Later messages of the key that were called before one before them was through. */
function overtakers(notes: readonly Note[]): string[] {
  return [1, 2].flatMap((life) => {
    const calls = notes.flatMap((note) => {
      const isCall = note.kind === "call" || note.kind === "fallback";
      return isCall && note.life === life && note.n !== stranger ? [note.n] : [];
    });
    const isRight = calls.every((n, at) => at === 0 || n >= (calls[at - 1] as number));
    return isRight ? [] : [`calls of process ${life}: ${calls.join()}`];
  });
}

/** Calls after a failure for which its process did not wait. */
function earlyCalls(notes: readonly Note[]): string[] {
  return notes.flatMap((note, at) => {
    if (note.kind !== "call" || note.attempt === 1) return [];
    const isLetGo = notes.slice(0, at).some(({ kind, life }) => {
      return kind === "let-go" && life === note.life;
    });
    return isLetGo ? [] : [`process ${note.life} did not wait for attempt ${note.attempt}`];
  });
}

/** Calls between the opening of a circuit and its probe. */
function callsWhileOpen(notes: readonly Note[]): string[] {
  let isOpen = false;
  let life = 1;
  return notes.flatMap((note) => {
    if (note.life !== life) isOpen = false;
    life = note.life;
    if (note.kind === "circuit") isOpen = note.state === "open";
    return note.kind === "call" && isOpen ? [`message ${note.n} was called while it was open`] : [];
  });
}
