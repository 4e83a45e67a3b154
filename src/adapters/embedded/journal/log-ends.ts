// Which logs moved: compares where each log ends with what was last told, after commits of this
// process and of others. Always true: an end is told once, and ends never go down.
import { type LogHead, priorityOf } from "./catalog.ts";
import type { EngineNotice } from "./engine.ts";
import type { Writer } from "./writer.ts";

/** See the head of this file. */
export class LogEnds {
  readonly #writer: Writer;
  readonly #notify: (notice: EngineNotice) => void;
  readonly #ends = new Map<number, number>();

  constructor(writer: Writer, notify: (notice: EngineNotice) => void) {
    this.#writer = writer;
    this.#notify = notify;
  }

  /** Looks at all logs: after another process committed. */
  lookAtAll(): void {
    const rows = this.#writer.all<{ id: number; name: string; lane: number; end: number }>(
      "SELECT log.id, channel.name, log.lane, log.end FROM log " +
        "JOIN channel ON channel.id = log.channel",
    );
    if (this.#ends.size > rows.length) this.#forgetRemoved(rows);
    const moved = rows.filter(({ id, end }) => this.#moved(id, end));
    this.#tell(moved.map(({ name, lane, end }) => [name, priorityOf(lane), end] as const));
  }

  #forgetRemoved(rows: readonly { readonly id: number }[]): void {
    const there = new Set(rows.map(({ id }) => id));
    for (const id of this.#ends.keys()) if (!there.has(id)) this.#ends.delete(id);
  }

  /** Tells of these logs: after this process committed. */
  tell(heads: Iterable<LogHead>): void {
    const moved = [...heads].filter((head) => this.#moved(head.id, head.end));
    this.#tell(
      moved.map(({ channel, lane, end }) => [channel.name, priorityOf(lane), end] as const),
    );
  }

  #moved(log: number, end: number): boolean {
    if (end <= (this.#ends.get(log) ?? 0)) return false;
    this.#ends.set(log, end);
    return true;
  }

  #tell(logs: Extract<EngineNotice, { kind: "advanced" }>["logs"]): void {
    if (logs.length > 0) this.#notify({ kind: "advanced", logs });
  }
}
