// Which logs a slot of the tail lists: as many as fit, the most recently moved ones first. Knows no
// file. Always true: of the logs that are not listed the slot says when the last of them moved at
// the latest, and where they end at most.
import { type TailLog, TailSlot } from "./tail-format.ts";

/** Logs that are known here at most; above it the half that moved longest ago is forgotten. */
export const tailLogsMax = 4_096;

interface KnownLog {
  readonly log: number;
  readonly channel: string;
  readonly lane: number;
  end: number;
  /** The commit that moved it, or a later one. */
  movedAt: number;
  /** Where its end stands in the slot; −1: it found no room. */
  place: number;
}

interface LogRow {
  id: number;
  lane: number;
  end: number;
  name: string;
}

/** Every log with its channel's name: number, lane, end, name. */
export const tailLogsSql =
  "SELECT log.id, log.lane, log.end, channel.name FROM log " +
  "JOIN channel ON channel.id = log.channel";

/** Where every log ends; `all` runs a statement. */
export function readTailLogs(all: (sql: string) => unknown[]): TailLog[] {
  return (all(tailLogsSql) as LogRow[]).map(({ id, lane, end, name }) => {
    return { log: id, channel: name, lane, end };
  });
}

/** The number of the last delayed message that was accepted; `all` runs a statement. */
export function readLastTimer(all: (sql: string) => unknown[]): number {
  const rows = all("SELECT seq FROM sqlite_sequence WHERE name = 'timer'") as { seq: number }[];
  return rows[0]?.seq ?? 0;
}

/** Which logs a slot lists: as many as fit, the most recently moved ones first. */
export class TailLogs {
  readonly slot: TailSlot;
  readonly #logs = new Map<number, KnownLog>();
  #unlistedCommit = 0;
  #unlistedEnd = 0;

  constructor(incarnation: string) {
    this.slot = new TailSlot(incarnation);
  }

  /** A log ended here after this commit; the name is asked for when the log is new. */
  set(log: number, lane: number, end: number, commit: number, channel: () => string): void {
    let known = this.#logs.get(log);
    if (known === undefined) {
      known = { log, lane, channel: channel(), end, movedAt: commit, place: -1 };
      if (this.#logs.size >= tailLogsMax) this.#forget();
      this.#logs.set(log, known);
    } else if (known.end === end) return;
    known.end = end;
    known.movedAt = commit;
    if (known.place >= 0) return this.slot.move(known.place, end);
    known.place = this.slot.add(log, known.channel, lane, end);
    if (known.place < 0) this.#listAnew();
  }

  /** The half of the slot's room stays free, so that this happens seldom. */
  #listAnew(): void {
    const latestFirst = [...this.#logs.values()].sort(
      (left, right) => right.movedAt - left.movedAt,
    );
    const listedMax = Math.max(1, latestFirst.filter(({ place }) => place >= 0).length / 2);
    this.slot.clear();
    for (const [index, known] of latestFirst.entries()) {
      const { log, channel, lane, end } = known;
      known.place = index < listedMax ? this.slot.add(log, channel, lane, end) : -1;
      if (known.place < 0) this.#unlist(known);
    }
    this.slot.unlisted(this.#unlistedCommit, this.#unlistedEnd);
  }

  #unlist({ movedAt, end }: KnownLog): void {
    this.#unlistedCommit = Math.max(this.#unlistedCommit, movedAt);
    this.#unlistedEnd = Math.max(this.#unlistedEnd, end);
  }

  #forget(): void {
    const oldestFirst = [...this.#logs.values()].sort(
      (left, right) => left.movedAt - right.movedAt,
    );
    for (const known of oldestFirst.slice(0, tailLogsMax / 2)) {
      this.#logs.delete(known.log);
      this.#unlist(known);
    }
    this.#listAnew();
  }
}
