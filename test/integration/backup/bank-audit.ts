// Looks at a journal of the bank from outside, row by row: whether the accounts are exactly what
// the settled transfers make of them at that moment, and whether a restored journal holds exactly
// what its source held. Nobody may have the journal open.
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import type { BackupSnapshot } from "spillway/embedded";
import { BatchView, decodeOpen } from "../../../src/adapters/embedded/journal/format.ts";
import { accountCount, openingCents } from "../fixtures/bank-ledger.ts";

interface Transfer {
  readonly key: string;
  readonly from: number;
  readonly to: number;
  readonly cents: number;
}

/** What an audit saw. */
export interface Audit {
  readonly transfers: number;
  readonly settled: number;
  readonly delayed: number;
  readonly stateRows: number;
  readonly violations: readonly string[];
}

/** Compares the ledger's state with the transfers that its group has settled. */
export function auditLedger(directory: string): Audit {
  const database = new DatabaseSync(join(directory, "journal.db"), { readOnly: true });
  try {
    return new LedgerAudit(database).run();
  } finally {
    database.close();
  }
}

class LedgerAudit {
  readonly #database: DatabaseSync;
  readonly #accounts = new Map<string, number>();
  readonly #odd = new Map<string, number>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  run(): Audit {
    const settledAt = this.#settlements();
    let transfers = 0;
    let settled = 0;
    for (const batch of this.#rows<{ base: number; data: Uint8Array; appended_at: number }>(
      "SELECT base, data, batch.appended_at FROM batch JOIN log ON log.id = batch.log " +
        "JOIN channel ON channel.id = log.channel WHERE channel.name = 'transfers' ORDER BY base",
    )) {
      const place = { channel: "transfers", priority: "normal", base: batch.base } as const;
      const view = new BatchView(batch.data, { ...place, appendedAtMs: batch.appended_at });
      for (let record = 0; record < view.count; record++) {
        transfers++;
        const offset = batch.base + view.offsetAt(record) - view.offsetAt(0);
        if (!settledAt(view.slotAt(record), batch.base, offset)) continue;
        settled++;
        this.#apply(JSON.parse(view.payloadTextAt(record)) as Transfer);
      }
    }
    const delayed = this.#count("SELECT count(*) AS n FROM timer");
    const stateRows = this.#count("SELECT count(*) AS n FROM state");
    return { transfers, settled, delayed, stateRows, violations: this.#compare() };
  }

  /** Whether the ledger group has settled a message. */
  #settlements(): (slot: number, base: number, offset: number) => boolean {
    const ofGroup = "grp = (SELECT id FROM grp WHERE name = 'ledger')";
    const cursors = this.#rows<{ range: number; position: number }>(
      `SELECT range, position FROM cursor WHERE ${ofGroup}`,
    );
    const positions = new Map(cursors.map(({ range, position }) => [range, position]));
    const open = new Set<number>();
    for (const { base, entries } of this.#rows<{ base: number; entries: Uint8Array }>(
      `SELECT base, entries FROM open WHERE ${ofGroup}`,
    )) {
      for (const { offset } of decodeOpen(base, entries)) open.add(offset);
    }
    const partitions = this.#count("SELECT partitions AS n FROM channel WHERE name = 'transfers'");
    return (slot, _base, offset) => {
      const position = positions.get((slot * partitions) >>> 16) ?? 0;
      return offset < position && !open.has(offset);
    };
  }

  #apply({ key, from, to, cents }: Transfer): void {
    const add = (account: number, change: number): void => {
      const before = this.#accounts.get(`${account}`) ?? openingCents;
      this.#accounts.set(`${account}`, before + change);
    };
    add(from, -cents);
    add(to, cents);
    if (cents % 2 === 1) this.#odd.set(key, cents);
    else this.#odd.delete(key);
  }

  #compare(): string[] {
    const violations: string[] = [];
    let total = 0;
    for (const [name, wanted] of [
      ["accounts", this.#accounts],
      ["odd", this.#odd],
    ] as const) {
      const rows = this.#rows<{ key: string; value: string }>(
        "SELECT key, value FROM state JOIN state_table ON state_table.id = state.tbl " +
          `WHERE state_table.name = '${name}'`,
      );
      const found = new Map(
        rows.map(({ key, value }) => [key, (JSON.parse(value) as { cents: number }).cents]),
      );
      for (const key of new Set([...found.keys(), ...wanted.keys()])) {
        if (found.get(key) === wanted.get(key)) continue;
        violations.push(`${name} ${key}: ${found.get(key)}, should be ${wanted.get(key)}`);
      }
      if (name === "odd") continue;
      for (let account = 0; account < accountCount; account++) {
        total += found.get(`${account}`) ?? openingCents;
      }
    }
    const expected = accountCount * openingCents;
    if (total !== expected) violations.push(`${total} cents in all, should be ${expected}`);
    return violations;
  }

  #count(sql: string): number {
    return this.#rows<{ n: number }>(sql)[0]?.n ?? 0;
  }

  #rows<Row>(sql: string): Row[] {
    return this.#database.prepare(sql).all() as Row[];
  }
}

/** How a restored journal differs from the part of its source that its backup says it holds. */
export function compareBatches(
  source: string,
  restored: string,
  snapshot: BackupSnapshot,
): string[] {
  const violations: string[] = [];
  const before = new DatabaseSync(join(source, "journal.db"), { readOnly: true });
  const after = new DatabaseSync(join(restored, "journal.db"), { readOnly: true });
  try {
    const columns = "base, count, batch.appended_at, previous_crc, batch.crc, given, data";
    const from =
      "FROM batch JOIN log ON log.id = batch.log JOIN channel ON channel.id = log.channel " +
      "WHERE channel.name = ? AND base >= ? AND base < ? ORDER BY base";
    for (const { channel, start, end } of snapshot.logs) {
      const held = after.prepare(`SELECT ${columns} ${from}`).all(channel, 0, 2 ** 53 - 1);
      let next = start;
      const known = before.prepare(`SELECT ${columns} ${from}`);
      for (const row of held) {
        if (row["base"] !== next)
          violations.push(`${channel}: ${String(row["base"])} follows ${next}`);
        next = Number(row["base"]) + Number(row["count"]);
        const same = known.get(channel, Number(row["base"]), Number(row["base"]) + 1);
        // Retention may have removed it from the source since.
        if (same === undefined && channel === "notes") continue;
        if (JSON.stringify(same) !== JSON.stringify(row)) {
          violations.push(`${channel}: the batch at ${String(row["base"])} is not the source's`);
        }
      }
      if (next !== end) violations.push(`${channel}: ends at ${next}, should be ${end}`);
    }
  } finally {
    before.close();
    after.close();
  }
  return violations;
}
