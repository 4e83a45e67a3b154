// Work on a journal for the suites that damage it: each round stores some of everything that a
// journal stores, and is the same again for the same number and the same chance.
import { encodeOpen, viewOf } from "../../src/adapters/embedded/journal/format.ts";
import type { StateChange } from "../../src/ports/commit-unit.ts";
import { type CoreRig, unitOf } from "./core-rig.ts";

/** How much state a round changes, and what is done after a member joined. */
export interface WorkOptions {
  /** Ranges of the channel "orders". */
  readonly partitions: number;
  /** Rows of state a round, of so many keys. */
  readonly rows: number;
  readonly keys: number;
  readonly joined?: () => void;
}

/** One round of work on the channels "orders" and "audit". */
export class WorkRound {
  readonly #rig: CoreRig;
  readonly #round: number;
  readonly #pick: (below: number) => number;
  readonly #options: WorkOptions;

  constructor(rig: CoreRig, round: number, pick: (below: number) => number, options: WorkOptions) {
    this.#rig = rig;
    this.#round = round;
    this.#pick = pick;
    this.#options = options;
  }

  run(): void {
    for (const step of this.steps()) step();
  }

  steps(): (() => void)[] {
    return [() => this.#publish(), () => this.#delay(), () => this.#settle()];
  }

  #publish(): void {
    const big = this.#round % 5 === 0;
    const count = big ? 40 : 1 + this.#pick(12);
    const samples = Array.from({ length: count }, (_, index) => ({
      data: JSON.stringify({ round: this.#round, index, note: "n".repeat(big ? 900 : 30) }),
      key: `k-${this.#pick(20)}`,
      ...(this.#pick(9) === 0 ? { id: `given-${this.#round}-${index}` } : {}),
    }));
    const priority = this.#round % 7 === 3 ? ("high" as const) : ("normal" as const);
    this.#rig.publish("orders", samples, { priority });
    if (this.#round % 3 === 0) this.#rig.publish("audit", [`"${"audit ".repeat(200)}"`]);
  }

  #delay(): void {
    if (this.#round % 4 !== 1) return;
    const { wall } = this.#rig.clock;
    // Some become due while the journal is still being written, some never do.
    const dueAtMs = [wall + (this.#round % 8 === 1 ? 3_000 : 86_400_000)];
    this.#rig.publish("orders", [`{"delayed":${this.#round}}`], { dueAtMs });
  }

  #settle(): void {
    const rig = this.#rig;
    const group = this.#round % 2 === 0 ? "billing" : "mailing";
    const { partitions, rows, keys, joined } = this.#options;
    const member = rig.join("orders", group);
    joined?.();
    const fences = rig
      .grants()
      .filter(([owner]) => owner === member)
      .map(([, range, epoch]) => ({ range, epoch }));
    const batches = rig.withConnection((connection) =>
      connection
        .prepare(
          "SELECT base, count, data FROM batch JOIN log ON log.id = batch.log " +
            "WHERE lane = 1 AND channel = 1 ORDER BY base DESC LIMIT 1",
        )
        .all(),
    );
    const [newest] = batches as unknown as { base: number; count: number; data: Uint8Array }[];
    if (newest === undefined) return;
    const { base, count, data } = newest;
    // The range of the first message, which stays open.
    const range = (viewOf(data).slotAt(0) * partitions) >>> 16;
    const entries = [{ offset: base, attempt: 2, dueAtMs: 77, reason: "retry" as const }];
    const state = Array.from({ length: rows }, (): StateChange => {
      const key = `account-${this.#pick(keys)}`;
      const value = this.#pick(20) === 0 ? null : JSON.stringify({ cents: this.#round });
      return { table: group, key: key.padEnd(90, "."), expected: undefined, value };
    });
    const priority = "normal" as const;
    rig.transact([
      unitOf(member, {
        fences,
        cursors: [{ priority, range, position: base + count }],
        open: [{ priority, range, base, entries: encodeOpen(base, entries) }],
        state,
      }),
    ]);
    rig.core.handle("leave", { member });
  }
}
