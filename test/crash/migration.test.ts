// A migration that is killed leaves the older format or the newer one, complete. The golden journal
// of format 1 gets many more rows of state, so that its migration lasts long enough to be hit.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { crc32 } from "node:zlib";
import { journalFormat } from "../../src/adapters/embedded/journal/connection.ts";
import { seededRandom } from "../../src/kernel/random.ts";
import { isLongRun, recordEvidence } from "../evidence.ts";
import { describeJournal } from "../golden/describe-journal.ts";
import { copyGolden, goldenDescription } from "../golden/golden-directories.ts";

const kills = isLongRun ? 100 : 10;
const addedRows = 60_000;
const seed = Number(process.env["SPILLWAY_SEED"] ?? process.hrtime.bigint() % 1_000_000n);
const script = new URL("./fixtures/migrator.ts", import.meta.url).pathname;

let root: string;
let golden: string;

before(() => {
  root = mkdtempSync(join(tmpdir(), "spillway-migration-"));
  golden = join(root, "golden");
  copyGolden(1, golden);
  addState(golden);
});

after(() => rmSync(root, { recursive: true, force: true }));

/** Rows of a table that the description does not read, with checksums as format 1 made them. */
function addState(directory: string): void {
  const database = new DatabaseSync(join(directory, "journal.db"));
  const insert = database.prepare("INSERT INTO state VALUES (1, 'bulk', ?, 1024, ?, ?)");
  database.exec("BEGIN");
  for (let row = 0; row < addedRows; row++) {
    const [key, value] = [`key-${row}`, `${row}`.repeat(10)];
    insert.run(key, value, crc32([1, "bulk", key, 1024, value].join("\u0000")));
  }
  database.exec("COMMIT");
  database.close();
}

/** Runs the migration; kills it `killAfterMs` after it began. Resolves to how long it ran. */
async function migrate(directory: string, killAfterMs?: number): Promise<number> {
  const child = spawn(
    process.execPath,
    ["--conditions=spillway:source", "--no-warnings", script, directory],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  let beganAtMs = 0;
  let tookMs = -1;
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (text: string) => {
    if (text.includes("begin")) {
      beganAtMs = performance.now();
      if (killAfterMs !== undefined) {
        void pause(killAfterMs).then(() => child.kill("SIGKILL"));
      }
    }
    if (text.includes("done")) tookMs = performance.now() - beganAtMs;
  });
  await ended;
  return tookMs;
}

/** What lies there, as a kill left it. Looking at it recovers it, as the next opener would. */
function inspect(directory: string): { format: unknown; tables: string; rows: unknown } {
  const database = new DatabaseSync(join(directory, "journal.db"));
  try {
    const format = database.prepare("PRAGMA user_version").get()?.["user_version"];
    const tables = database
      .prepare("SELECT group_concat(name, ' ') AS names FROM sqlite_schema WHERE type = 'table'")
      .get()?.["names"];
    const bulk =
      format === 1
        ? "SELECT count(*) AS rows FROM state WHERE name = 'bulk'"
        : "SELECT count(*) AS rows FROM state JOIN state_table ON state_table.id = state.tbl " +
          "WHERE state_table.name = 'bulk'";
    const rows = database.prepare(bulk).get()?.["rows"];
    assert.equal(database.prepare("PRAGMA integrity_check").get()?.["integrity_check"], "ok");
    return { format, tables: String(tables), rows };
  } finally {
    database.close();
  }
}

test(`${kills} kills during a migration, seed ${seed}`, { timeout: kills * 20_000 }, async (t) => {
  const random = seededRandom(seed);
  const whole = join(root, "whole");
  cpSync(golden, whole, { recursive: true });
  const tablesBefore = inspect(golden).tables;
  const wholeMs = await migrate(whole);
  assert.ok(wholeMs > 0, "the migration that nobody kills ends");
  const tablesAfter = inspect(whole).tables;
  const found = new Map<unknown, number>();
  let hit = 0;
  for (let kill = 0; kill < kills; kill++) {
    const directory = join(root, `kill-${kill}`);
    cpSync(golden, directory, { recursive: true });
    const killAfterMs = random.float() * wholeMs;
    if ((await migrate(directory, killAfterMs)) < 0) hit++;
    const { format, tables, rows } = inspect(directory);
    assert.ok(format === 1 || format === journalFormat, `format ${String(format)}`);
    assert.equal(tables, format === 1 ? tablesBefore : tablesAfter, `after ${killAfterMs} ms`);
    assert.equal(rows, addedRows);
    found.set(format, (found.get(format) ?? 0) + 1);
    const described = JSON.parse(JSON.stringify(await describeJournal(directory))) as unknown;
    assert.deepEqual(described, goldenDescription(1), `after ${killAfterMs} ms`);
    assert.equal(inspect(directory).format, journalFormat);
    rmSync(directory, { recursive: true, force: true });
  }
  t.diagnostic(`${hit} of ${kills} were hit, ${found.get(1) ?? 0} were format 1`);
  assert.ok(hit > 0, "no kill came before the migration's end");
  assert.ok((found.get(1) ?? 0) > 0, "no kill came before the commit");
  const counts = { kills, hit, olderFormat: found.get(1) ?? 0 };
  await recordEvidence("migration", { seed, counts, violations: [] });
});
