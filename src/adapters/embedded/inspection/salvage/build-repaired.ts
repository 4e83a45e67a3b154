// Builds the new journal from what a damaged one still says, inside a process of its own. Always
// true: the old directory is only read; the new one appears complete, or not at all; the old one's
// files did not change meanwhile.
import { SpillwayError } from "../../../../errors/spillway-error.ts";
import { newId } from "../../../../kernel/id.ts";
import { RestoredDatabase } from "../../backup/restored-database.ts";
import { type Connection, copyApplicationId } from "../../journal/connection.ts";
import { copyFailure } from "../../journal/copy-connection.ts";
import { channelCrc, groupCrc, metaCrc } from "../../journal/row-checksums.ts";
import { createSchema } from "../../journal/schema.ts";
import { readTail, type TailReading } from "../../journal/tail-file.ts";
import { abortedError } from "../../task/child-task.ts";
import type { TaskContext } from "../../task/task-process.ts";
import { FindingList } from "../finding.ts";
import { inspectConnection } from "../inspect-connection.ts";
import {
  type RepairedLog,
  RepairNotes,
  type RepairProgress,
  type RepairReport,
  type RepairRequest,
} from "../repair-report.ts";
import { Snapshot } from "../snapshot.ts";
import { scanBatches } from "./batch-scan.ts";
import { SalvagedCatalog } from "./catalog.ts";
import { CursorRebuild } from "./cursor-rebuild.ts";
import { assertRepairable } from "./format-check.ts";
import { LogRebuild } from "./log-rebuild.ts";
import { openOwnFiles } from "./own-files.ts";
import { ownTail } from "./own-tail.ts";
import type { PageStore } from "./page-store.ts";
import { type GapValue, gapValue, metaValue } from "./row-values.ts";
import { StateRebuild } from "./state-rebuild.ts";
import { knownTables, Tables } from "./tables.ts";
import { TimerRebuild } from "./timer-rebuild.ts";
import { commitOf, type UnitState, unitStateOf } from "./unit-view.ts";

/** Bytes of batches that one transaction writes. */
const bytesAtOnce = 67_108_864;
/** Pages looked at between two looks at the signal. */
const pagesAtOnce = 256;

/** Repairs; throws BACKUP_CONFLICT, BACKUP_IO, JOURNAL_BUSY, JOURNAL_FORMAT, ABORTED. */
export async function buildRepaired(
  request: RepairRequest,
  context: TaskContext,
): Promise<RepairReport> {
  const reading = readTail(request.from);
  const notes = new RepairNotes();
  const store = openOwnFiles(request.from, reading, notes);
  try {
    assertRepairable(store, request.from);
    const stamp = store.stamp();
    const target = RestoredDatabase.begin(request.to);
    try {
      const repair = new Repair({ request, context, store, target, notes, reading });
      return await repair.run(() => assertUnchanged(request.from, stamp === store.stamp()));
    } catch (error) {
      if (target.rows.connection.isOpen) target.discard();
      throw error instanceof SpillwayError ? error : copyFailure(request.to, error);
    }
  } finally {
    store.close();
  }
}

function assertUnchanged(from: string, isSame: boolean): void {
  if (isSame) return;
  throw new SpillwayError(
    "JOURNAL_BUSY",
    `the journal in ${from} was written to while it was being repaired: stop the services that ` +
      "use it, then repair it again",
  );
}

interface RepairParts {
  readonly request: RepairRequest;
  readonly context: TaskContext;
  readonly store: PageStore;
  readonly target: RestoredDatabase;
  readonly notes: RepairNotes;
  readonly reading: TailReading;
}

class Repair {
  readonly #parts: RepairParts;
  readonly #connection: Connection;
  readonly #notes: RepairNotes;
  readonly #startMs: number;
  #progress: RepairProgress = {
    step: "reading",
    share: 0,
    batches: 0,
    messages: 0,
    bytes: 0,
    losses: 0,
  };

  constructor(parts: RepairParts) {
    this.#parts = parts;
    this.#connection = parts.target.rows.connection;
    this.#notes = parts.notes;
    this.#startMs = parts.context.clock.monotonicMs();
  }

  async run(assertUnchanged: () => void): Promise<RepairReport> {
    const { context, store, target, request } = this.#parts;
    const wallMs = context.clock.wallMs();
    const incarnation = newId(context.clock, context.random);
    createSchema(this.#connection, incarnation);
    // Nobody takes it for a journal before it is one.
    this.#connection.exec(`PRAGMA application_id = ${copyApplicationId}`);
    const known = knownTables(this.#connection);
    const newest = new Tables(store, store.newest, known);
    const tail = ownTail(this.#parts.reading.tail, newest);
    const commits = { known: tail?.commit ?? 0, copied: this.#parts.reading.copied };
    const units = unitStateOf(store, newest, known, this.#notes, commits);
    // Under a log that is older than the database the newest rows are the database's own.
    const tables = commitOf(units.tables) > commitOf(newest) ? units.tables : newest;
    const catalog = new SalvagedCatalog(tables, tail, this.#notes, wallMs);
    const gaps = gapsOf(tables);
    const logs = new LogRebuild(this.#connection, catalog, gaps, this.#notes, wallMs);
    await this.#copyBatches(newest, logs);
    const { rows, repaired, versionMax } = await this.#rebuildRows(tables, units, catalog, logs);
    const commit = this.#writeMeta(tables, units, versionMax);
    assertUnchanged();
    const findings = await this.#check();
    target.publish(incarnation, commit);
    return {
      from: request.from,
      to: request.to,
      incarnation,
      sound: findings.damage === 0,
      logs: repaired,
      messages: logs.messages,
      messagesLost: repaired.reduce((sum, log) => sum + lostOf(log), 0),
      rows,
      notes: this.#notes.notes,
      noteCounts: this.#notes.counts,
      findings: findings.findings,
      elapsedMs: context.clock.monotonicMs() - this.#startMs,
    };
  }

  async #copyBatches(tables: Tables, logs: LogRebuild): Promise<void> {
    const { store } = this.#parts;
    const tail = ownTail(this.#parts.reading.tail, tables);
    for (const { log, end } of tail?.logs ?? []) logs.reached(log, end);
    let bytes = 0;
    this.#connection.exec("BEGIN");
    const scan = scanBatches(store, tables.owners, (place) => logs.isWanted(place));
    for (const { pagesDone, pages, batches } of scan) {
      for (const batch of batches) {
        logs.store(batch);
        bytes += batch.data.byteLength;
      }
      if (bytes >= bytesAtOnce) {
        this.#connection.exec("COMMIT; BEGIN");
        bytes = 0;
      }
      if (pagesDone % pagesAtOnce !== 0) continue;
      const { batches: done, messages, bytes: stored } = logs;
      const share = pagesDone / pages;
      await this.#turn({ step: "batches", share, batches: done, messages, bytes: stored });
    }
    this.#connection.exec("COMMIT");
  }

  async #rebuildRows(
    tables: Tables,
    units: UnitState,
    catalog: SalvagedCatalog,
    logs: LogRebuild,
  ): Promise<{ rows: number; repaired: RepairedLog[]; versionMax: number }> {
    const { store } = this.#parts;
    const connection = this.#connection;
    const notes = this.#notes;
    await this.#turn({ step: "rows", share: 0 });
    logs.nameAll();
    const cursors = new CursorRebuild(units.tables, catalog, notes);
    cursors.reach(logs);
    const timers = new TimerRebuild(connection, tables, catalog, notes, store.isLogDamaged);
    connection.exec("BEGIN");
    const repaired = logs.finish();
    let rows = repaired.length + cursors.write(connection) + timers.write();
    connection.exec("COMMIT");
    await this.#turn({ share: 0.5, losses: notes.total });
    const { tables: stateTables, view } = units;
    const state = new StateRebuild({ connection, tables: stateTables, view, catalog, notes });
    rows += state.write();
    connection.exec("BEGIN");
    rows += this.#writeCatalog(catalog);
    connection.exec("COMMIT");
    await this.#turn({ share: 1, losses: notes.total });
    return { rows, repaired, versionMax: state.versionMax };
  }

  /** Channels and groups, once everything that refers to one was seen. */
  #writeCatalog(catalog: SalvagedCatalog): number {
    const channel = this.#connection.prepare(
      "INSERT INTO channel (id, name, partitions, retention, compression, crc) " +
        "VALUES (?, ?, ?, ?, ?, ?)",
    );
    for (const { id, name, partitions, retention, compression } of catalog.channels.values()) {
      const crc = channelCrc(name, partitions, retention, compression);
      channel.run(id, name, partitions, retention, compression, crc);
    }
    const wallMs = this.#parts.context.clock.wallMs();
    for (const { id, channel: channelId, name, row } of catalog.groups.values()) {
      const crc = groupCrc(channelId, name, String(row["selection"]));
      // Nobody was gone for long: retention must not pass a group because of the damage.
      const values = { ...row, id, channel: channelId, name, seen_at: wallMs, crc };
      const names = Object.keys(values);
      const marks = names.map(() => "?").join(", ");
      this.#connection
        .prepare(`INSERT INTO grp (${names.join(", ")}) VALUES (${marks})`)
        .run(...Object.values(values));
    }
    return catalog.channels.size + catalog.groups.size;
  }

  /** The commit number goes on above every one that was ever given; other rows stay. */
  #writeMeta(tables: Tables, units: UnitState, versionMax: number): number {
    const replace = this.#connection.prepare("REPLACE INTO meta (name, value, crc) VALUES (?,?,?)");
    const own = new Set(["incarnation", "commit", "members"]);
    for (const row of tables.rows("meta")) {
      const found = metaValue(row);
      if (found === undefined || own.has(found.name)) continue;
      replace.run(found.name, found.value, metaCrc(found.name, found.value));
    }
    const highest = Math.max(
      commitOf(tables),
      commitOf(units.tables),
      ownTail(this.#parts.reading.tail, tables)?.commit ?? 0,
      Math.ceil(versionMax / unitsPerCommit),
    );
    const value = String(highest + 1);
    replace.run("commit", value, metaCrc("commit", value));
    return highest + 1;
  }

  async #check(): Promise<FindingList> {
    const { clock, signal } = this.#parts.context;
    const findings = new FindingList();
    const connection = this.#connection;
    const { complete } = await inspectConnection({
      connection,
      clock,
      findings,
      signal,
      onProgress: ({ share }) => {
        this.#progress = { ...this.#progress, step: "checking", share };
        this.#parts.context.report(this.#progress);
      },
    });
    if (!complete) throw abortedError();
    const { rows } = new Snapshot(connection).read("PRAGMA integrity_check(100)");
    for (const row of rows) {
      const message = String(Object.values(row)[0]);
      if (message !== "ok") findings.add("structure", `SQLite: ${message}`);
    }
    return findings;
  }

  async #turn(news: Partial<RepairProgress>): Promise<void> {
    const { context } = this.#parts;
    this.#progress = { ...this.#progress, ...news, losses: this.#notes.total };
    context.report(this.#progress);
    await new Promise<void>((resolve) => context.clock.soon(resolve));
    if (context.signal.aborted) throw abortedError();
  }
}

/** Versions of state are commit numbers times this, plus the unit's place. */
const unitsPerCommit = 1_024;

function gapsOf(tables: Tables): GapValue[] {
  const gaps = new Map<string, GapValue>();
  const add = (gap: GapValue | undefined): void => {
    const key = `${gap?.log}:${gap?.base}`;
    if (gap !== undefined && !gaps.has(key)) gaps.set(key, gap);
  };
  for (const row of tables.rows("gap")) add(gapValue(row));
  if (!tables.isComplete("gap"))
    for (const row of tables.rowsOfAllVersions("gap")) add(gapValue(row));
  return [...gaps.values()];
}

function lostOf(log: RepairedLog): number {
  return log.gaps.reduce((sum, { known, fromOffset, toOffset }) => {
    return known ? sum : sum + toOffset - fromOffset;
  }, 0);
}
