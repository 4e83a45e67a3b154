// What one reader without a group saw of one log while it grew. Finds readers that go back, and
// compares with the full read: the same messages, none left out.
import type { TailRead } from "./history-event.ts";
import type { LogRecord } from "./log-record.ts";
import type { ViolationKind, ViolationList } from "./violation.ts";

/** A reader of a log; memory is a number for each message read. */
export class TailRecord {
  isEnded = false;
  /** Where it began, if it said so; else with the first message that it read. */
  #from: number | undefined;
  readonly #reader: string;
  readonly #log: LogRecord;
  readonly #violations: ViolationList;
  #last = -1;
  /** What was read since it began, or was last told to go elsewhere: one run of offsets. */
  #run: number[] = [];
  #runs: number[][] = [this.#run];

  constructor(reader: string, log: LogRecord, violations: ViolationList) {
    this.#reader = reader;
    this.#log = log;
    this.#violations = violations;
  }

  start(from: number): void {
    this.seek();
    this.#from = this.#runs.length === 1 ? from : this.#from;
    this.#last = from - 1;
  }

  read(event: TailRead): void {
    const { offset, id } = event;
    const isSealed = this.#log.isSealed(offset);
    if (!isSealed) this.#log.read(event, this.#reader);
    if (offset <= this.#last) {
      this.#report("non-monotonic", `goes back from ${this.#last} to ${offset}`, id, offset);
      return;
    }
    this.#last = offset;
    if (!isSealed) this.#run.push(offset);
  }

  /** From here on it may be anywhere. */
  seek(): void {
    this.#last = -1;
    if (this.#run.length > 0) this.#runs.push((this.#run = []));
  }

  finish(): void {
    for (const [index, run] of this.#runs.entries()) {
      this.#compare(run, index === 0 ? this.#from : undefined);
    }
    const newest = this.#log.replayed.at(-1) ?? -1;
    const hasBegun = this.#from !== undefined || this.#run.length > 0;
    if (!this.isEnded || !hasBegun || newest <= this.#last) return;
    this.#report(
      "tail-not-replay",
      `ended at ${this.#last}, the log at ${newest}`,
      undefined,
      newest,
    );
  }

  /** What it has seen was compared; it goes on behind that. */
  forget(): void {
    this.isEnded = false;
    this.#runs = [(this.#run = [])];
    if (this.#last >= 0) this.#from = this.#last + 1;
  }

  /** Walks both, which are ascending, side by side. */
  #compare(run: readonly number[], from = run[0] ?? 0): void {
    const { replayed } = this.#log;
    let place = firstAtOrAfter(replayed, from);
    for (const offset of run) {
      for (; (replayed[place] ?? Number.POSITIVE_INFINITY) < offset; place++) {
        const skipped = replayed[place] ?? 0;
        this.#report("tail-not-replay", `left out offset ${skipped}`, undefined, skipped);
      }
      if (replayed[place] === offset) place++;
      else if (this.#log.covers(offset)) {
        const text = `saw offset ${offset}, which the full read has not got`;
        this.#report("tail-not-replay", text, this.#log.idAt(offset), offset);
      }
    }
  }

  #report(kind: ViolationKind, text: string, id: string | undefined, offset: number): void {
    const message = `reader ${this.#reader} ${text}`;
    this.#violations.add({ kind, message, log: this.#log.name, id, offset });
  }
}

function firstAtOrAfter(ascending: readonly number[], offset: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] ?? 0) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
