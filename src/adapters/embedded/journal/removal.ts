// Removing channels (docs/adr/0014): a channel loses its name at once, in one transaction; what it
// held is deleted afterwards, a little at a time, by whichever process gets to it. Always true: a
// channel without a name is found by nobody, and every step leaves rows that fit together.
import { channelInUse } from "../../../ports/removal.ts";
import type { Catalog, Channel, LogHead } from "./catalog.ts";
import type { EngineNotice } from "./engine.ts";
import { isRemoved, raiseRemoved, removedPrefix, setMeta } from "./removed-rows.ts";
import { channelCrc } from "./row-checksums.ts";
import type { Writer } from "./writer.ts";

/** Rows that one step deletes at most, batches excepted. */
export const removedRowsAtOnce = 1_000;
/** Batches that one step deletes at most. */
export const removedBatchesAtOnce = 16;
/** The row of meta that tells other processes of removals. */
const version = "removals";

/** See the head of this file. */
export class Removals {
  readonly #writer: Writer;
  readonly #catalog: Catalog;
  readonly #notify: (notice: EngineNotice) => void;
  #told: string;

  constructor(parts: {
    readonly writer: Writer;
    readonly catalog: Catalog;
    readonly notify: (notice: EngineNotice) => void;
  }) {
    this.#writer = parts.writer;
    this.#catalog = parts.catalog;
    this.#notify = parts.notify;
    this.#told = this.#version();
  }

  /** Takes the channel away; does nothing where there is none. Throws CHANNEL_IN_USE. */
  remove(name: string): null {
    if (isRemoved(name) || this.#catalog.find(name) === undefined) return null;
    this.#writer.transaction(`removing channel '${name}'`, () => {
      const channel = this.#catalog.find(name);
      if (channel === undefined) return;
      this.#assertUnused(channel);
      this.#rename(channel);
      setMeta(this.#writer, version, String(this.#writer.commitNumber));
    });
    this.#catalog.forget();
    this.tellIfChanged();
    return null;
  }

  #assertUnused({ id, name }: Channel): void {
    const used = this.#writer.one<{ name: string }>(
      "SELECT grp.name FROM grp JOIN member ON member.grp = grp.id WHERE grp.channel = ? LIMIT 1",
      id,
    );
    if (used !== undefined) throw channelInUse(name, used.name);
  }

  #rename({ id, partitions, compression }: Channel): void {
    const name = removedPrefix + id;
    const row = this.#writer.one<{ retention: string }>(
      "SELECT retention FROM channel WHERE id = ?",
      id,
    );
    this.#writer.run(
      "UPDATE channel SET name = ?, crc = ? WHERE id = ?",
      name,
      channelCrc(name, partitions, row?.retention ?? "", compression),
      id,
    );
  }

  /** Says that channels were removed, by this process or another one. */
  tellIfChanged(): void {
    const now = this.#version();
    if (now === this.#told) return;
    this.#told = now;
    this.#notify({ kind: "removed" });
  }

  #version(): string {
    const sql = `SELECT value FROM meta WHERE name = '${version}'`;
    return this.#writer.one<{ value: string }>(sql)?.value ?? "";
  }

  /** Deletes some of what removed channels held; returns whether more may be left. */
  step(): boolean {
    const name = this.#writer.one<{ name: string }>(
      "SELECT name FROM channel WHERE name >= ? ORDER BY name LIMIT 1",
      removedPrefix,
    )?.name;
    if (name === undefined || !isRemoved(name)) return false;
    this.#writer.transaction("clearing a removed channel", () => {
      const channel = this.#catalog.find(name);
      if (channel !== undefined) this.#clear(channel);
    });
    return true;
  }

  #clear(channel: Channel): void {
    const { id } = channel;
    const isCleared =
      this.#deleteSome("timer", "channel = ?", id) &&
      this.#groupsOf(id).every((group) => this.#clearGroup(group)) &&
      this.#catalog.heads(channel).every((head) => this.#clearLog(head));
    if (!isCleared) return;
    for (const head of this.#catalog.heads(channel)) {
      this.#writer.run("DELETE FROM gap WHERE log = ?", head.id);
      this.#deleteRow("log", head.id);
    }
    this.#writer.run("DELETE FROM doubt WHERE channel = ?", id);
    this.#deleteRow("channel", id);
    this.#catalog.forget();
  }

  #groupsOf(channel: number): number[] {
    const sql = "SELECT id FROM grp WHERE channel = ?";
    return this.#writer.all<{ id: number }>(sql, channel).map(({ id }) => id);
  }

  /** Whether nothing of the group is left. */
  #clearGroup(group: number): boolean {
    const tables = this.#writer.all<{ id: number }>(
      "SELECT id FROM state_table WHERE grp = ?",
      group,
    );
    for (const { id } of tables) {
      if (!this.#deleteSome("state", "tbl = ?", id, "tbl, key")) return false;
      this.#writer.run("DELETE FROM state_table WHERE id = ?", id);
    }
    if (!this.#deleteSome("open", "grp = ?", group, "grp, log, range, base")) return false;
    for (const table of ["cursor", "cursor_copy", "lease"]) {
      this.#writer.run(`DELETE FROM ${table} WHERE grp = ?`, group);
    }
    this.#deleteRow("grp", group);
    return true;
  }

  /** Whether no batch of the log is left. */
  #clearLog(head: LogHead): boolean {
    const rows = this.#writer.all<{ base: number; count: number; bytes: number }>(
      "SELECT base, count, length(data) AS bytes FROM batch WHERE log = ? " +
        `ORDER BY base LIMIT ${removedBatchesAtOnce}`,
      head.id,
    );
    for (const { base, count, bytes } of rows) {
      this.#writer.run("DELETE FROM batch WHERE log = ? AND base = ?", head.id, base);
      head.start = base + count;
      head.bytes -= bytes;
    }
    if (rows.length > 0) this.#catalog.change(head);
    return rows.length === 0;
  }

  /** Whether that were all of them. */
  #deleteSome(table: string, where: string, value: number, key = "id"): boolean {
    const some = `SELECT ${key} FROM ${table} WHERE ${where} LIMIT ${removedRowsAtOnce}`;
    const deleted = this.#writer.run(`DELETE FROM ${table} WHERE (${key}) IN (${some})`, value);
    return deleted < removedRowsAtOnce;
  }

  #deleteRow(table: "channel" | "log" | "grp", id: number): void {
    this.#writer.run(`DELETE FROM ${table} WHERE id = ?`, id);
    raiseRemoved(this.#writer, id);
  }
}
