// What one process notes of a run, in the form of the history checker: one event a line, in a file
// of its own. Knows no rule. Always true: what was noted survives kill -9, because the kernel has
// it before note() returns; times are of the machine's one steady clock, so the notes of several
// processes can be put into one order.
import { openSync, writeSync } from "node:fs";
import type { Message } from "spillway";
import type { HistoryEvent } from "spillway/testing";

/** An event without its time. */
export type Untimed<Event = HistoryEvent> = Event extends HistoryEvent
  ? Omit<Event, "atMs">
  : never;

type AnyMessage = Pick<
  Message<string, number, unknown>,
  "channel" | "id" | "key" | "offset" | "data"
>;

/** Milliseconds on the clock that all processes of a machine share. */
export function steadyNowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** See the head of this file. */
export class HistoryNotes {
  readonly #file: number;
  readonly #life: string;
  #operations = 0;

  /** `name`: whose life begins; operations of different lives never have the same name. */
  constructor(path: string, name: string) {
    this.#file = openSync(path, "a");
    this.#life = `${name}@${process.hrtime.bigint()}`;
  }

  note(event: Untimed): void {
    writeSync(this.#file, `${JSON.stringify({ ...event, atMs: steadyNowMs() })}\n`);
  }

  /** Notes that a publish begins; returns its operation. */
  invoke(message: Omit<Untimed<Extract<HistoryEvent, { kind: "invoke" }>>, "kind" | "operation">) {
    const operation = `${this.#life}/${this.#operations++}`;
    this.note({ kind: "invoke", operation, ...message });
    return operation;
  }

  /** Does a handler's work on a message, and notes that it was called, and how that ended. */
  async handling<Result>(
    { group, member }: { readonly group: string; readonly member: string },
    message: AnyMessage,
    attempt: number,
    work: () => Promise<Result>,
  ): Promise<Result> {
    const { channel: log, id, key, offset, data } = message;
    const value = JSON.stringify(data);
    const place = { group, member, log, offset };
    this.note({ kind: "delivery", ...place, id, key, value, attempt });
    try {
      const result = await work();
      this.note({ kind: "handled", ...place, outcome: "done" });
      return result;
    } catch (error) {
      this.note({ kind: "handled", ...place, outcome: "failed" });
      throw error;
    }
  }
}
