// Delayed messages of the new journal. Where their table is damaged, older versions of its pages
// stand in; one that has become due meanwhile is told by its id among the batches. Always true: a
// message is delayed or in its log, never both.
import { priorities } from "../../../../message/envelope.ts";
import type { Connection } from "../../journal/connection.ts";
import { BatchView, viewOf } from "../../journal/format.ts";
import { batchFlags } from "../../journal/format-layout.ts";
import { timerCrc } from "../../journal/row-checksums.ts";
import type { RepairNotes } from "../repair-report.ts";
import type { SalvagedCatalog } from "./catalog.ts";
import { type TimerValue, timerValue } from "./row-values.ts";
import type { Tables } from "./tables.ts";

/** See the head of this file. */
export class TimerRebuild {
  readonly #connection: Connection;
  readonly #catalog: SalvagedCatalog;
  readonly #notes: RepairNotes;
  readonly #timers = new Map<number, TimerValue>();
  /** Of older versions: they may have become due since. */
  readonly #doubtful = new Set<number>();

  constructor(
    connection: Connection,
    tables: Tables,
    catalog: SalvagedCatalog,
    notes: RepairNotes,
    isLogDamaged: boolean,
  ) {
    this.#connection = connection;
    this.#catalog = catalog;
    this.#notes = notes;
    let unsound = 0;
    for (const row of tables.rows("timer")) {
      const value = timerValue(row);
      if (value === undefined) unsound++;
      else this.#timers.set(value.id, value);
    }
    const { lostPages, doubtfulPages, unreadableRows } = tables.problemsOf("timer");
    const absent = this.#absentIn(tables);
    const problems = unsound + lostPages.length + doubtfulPages.length + unreadableRows + absent;
    if (problems === 0 && !isLogDamaged) return;
    for (const row of tables.rowsOfAllVersions("timer")) {
      const value = timerValue(row);
      if (value === undefined || this.#timers.has(value.id)) continue;
      this.#timers.set(value.id, value);
      this.#doubtful.add(value.id);
    }
    if (isLogDamaged) for (const id of this.#timers.keys()) this.#doubtful.add(id);
    if (problems === 0) return;
    const where = `${unsound + unreadableRows + absent} rows and ${lostPages.length} pages`;
    this.#notes.add("delayed-message", `${where} of delayed messages are unreadable`);
  }

  /** An empty page in the place of another looks sound: how many rows only the index knows. */
  #absentIn(tables: Tables): number {
    let absent = 0;
    for (const { rowid } of tables.rows("timer_due")) {
      if (typeof rowid === "number" && !this.#timers.has(rowid)) absent++;
    }
    return absent;
  }

  /** Writes them, after the batches; inside a transaction. Returns how many. */
  write(): number {
    this.#dropDue();
    const insert = this.#connection.prepare(
      "INSERT INTO timer (id, channel, lane, due_at, accepted_at, given, crc, data) " +
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    );
    for (const { id, channel, lane, dueAtMs, acceptedAtMs, data } of this.#timers.values()) {
      const given = (viewOf(data).layout.flags & batchFlags.givenIds) === 0 ? 0 : 1;
      const crc = timerCrc(channel, lane, dueAtMs, acceptedAtMs, data);
      insert.run(id, channel, lane, dueAtMs, acceptedAtMs, given, crc, data);
    }
    return this.#timers.size;
  }

  /** Takes out those that stand in a log already. */
  #dropDue(): void {
    const byId = new Map<string, number>();
    for (const id of this.#doubtful) {
      const timer = this.#timers.get(id);
      if (timer !== undefined) byId.set(this.#idOf(timer), id);
    }
    if (byId.size === 0) return;
    for (const { id: log, channel, lane } of this.#catalog.logs.values()) {
      for (const view of this.#batches(log, lane)) {
        for (let record = 0; record < view.count; record++) {
          const timer = byId.get(`${channel} ${lane} ${view.idAt(record)}`);
          if (timer !== undefined) this.#timers.delete(timer);
        }
      }
    }
  }

  #idOf({ channel, lane, data }: TimerValue): string {
    return `${channel} ${lane} ${viewOf(data).idAt(0)}`;
  }

  *#batches(log: number, lane: number): Generator<BatchView> {
    const priority = priorities[lane] ?? "normal";
    const select = this.#connection.prepare(
      "SELECT base, data FROM batch WHERE log = ? AND base > ? ORDER BY base LIMIT 1",
    );
    for (let base = -1; ; ) {
      const row = select.get(log, base);
      if (row === undefined || !(row["data"] instanceof Uint8Array)) return;
      base = Number(row["base"]);
      yield new BatchView(row["data"], { channel: "", priority, base, appendedAtMs: 0 });
    }
  }
}
