import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, test } from "node:test";
import { promisify } from "node:util";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import { systemClock } from "../../../kernel/clock.ts";
import { type ConnectionRole, openConnection, retryWhileBusy } from "./connection.ts";
import { assertLocalFileSystem, databasePath } from "./directory.ts";
import { hasSchema } from "./schema.ts";

const options = { clock: systemClock, durability: "fsync", busyTimeoutMs: 2_000 } as const;
const { prepare } = DatabaseSync.prototype;
const coded =
  (code: string, pattern?: RegExp) =>
  (error: unknown): boolean =>
    error instanceof SpillwayError && error.code === code && (pattern?.test(error.message) ?? true);

describe("connection factory", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "spillway-connection-"));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const pragmasOf = (role: ConnectionRole, durability: "fsync" | "relaxed"): unknown[] => {
    const connection = openConnection(directory, role, { ...options, durability });
    const names =
      "journal_mode synchronous busy_timeout foreign_keys page_size auto_vacuum " +
      "wal_autocheckpoint query_only mmap_size temp_store";
    const values = names.split(" ").map((name) => {
      return Object.values(connection.prepare(`PRAGMA ${name}`).get() ?? {})[0];
    });
    connection.close();
    return values;
  };

  test("sets every pragma per role and durability", () => {
    assert.deepEqual(pragmasOf("writer", "fsync"), ["wal", 2, 0, 0, 16_384, 2, 1_000, 0, 0, 2]);
    assert.deepEqual(pragmasOf("reader", "fsync"), ["wal", 2, 0, 0, 16_384, 2, 0, 1, 0, 2]);
    assert.deepEqual(pragmasOf("checkpoint", "fsync"), ["wal", 2, 0, 0, 16_384, 2, 0, 0, 0, 2]);
    assert.deepEqual(pragmasOf("writer", "relaxed")[1], 1);
  });

  test("a reader cannot write and does not create a journal", () => {
    assert.throws(() => openConnection(directory, "reader", options), coded("JOURNAL_FORMAT"));
    const writer = openConnection(directory, "writer", options);
    writer.exec("CREATE TABLE sample (value); PRAGMA application_id = 0x7370776c");
    const reader = openConnection(directory, "reader", options);
    assert.throws(() => reader.exec("INSERT INTO sample VALUES (1)"), /readonly/);
    reader.close();
    writer.close();
  });

  test("a journal that another process makes during a look is not taken for a foreign one", (t) => {
    const maker = openConnection(directory, "writer", options);
    let looks = 0;
    t.mock.method(DatabaseSync.prototype, "prepare", function (this: DatabaseSync, sql: string) {
      if (this !== maker && sql.includes("sqlite_schema") && looks++ === 0) {
        maker.exec(
          "BEGIN; CREATE TABLE sample (value); PRAGMA application_id = 0x7370776c; COMMIT",
        );
      }
      return prepare.call(this, sql);
    });
    openConnection(directory, "writer", options).close();
    assert.ok(looks > 0);
    openConnection(directory, "reader", options).close();
    maker.close();
  });

  test("a journal whose making was cut short is made anew", () => {
    // As after a power cut: pages are written, and the rollback journal that undoes them is there.
    const making = new DatabaseSync(databasePath(directory));
    making.exec("PRAGMA page_size = 16384; PRAGMA cache_size = 1; BEGIN; CREATE TABLE half (row)");
    making.exec("INSERT INTO half SELECT randomblob(9000) FROM json_each('[1,2,3,4,5,6,7,8,9]')");
    const copy = join(directory, "copy");
    execFileSync("sh", ["-c", `mkdir "${copy}" && cp "${directory}"/journal.db* "${copy}"`]);
    making.close();
    assert.ok(existsSync(`${databasePath(copy)}-journal`), "the cut left nothing to undo");
    assert.throws(() => openConnection(copy, "inspector", options), coded("JOURNAL_FORMAT"));
    openConnection(copy, "writer", options).close();
    const tables = new DatabaseSync(databasePath(copy));
    assert.equal(tables.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.["n"], 0);
    tables.close();
  });

  test("nothing can be looked at before the journal is in its mode and has tables", () => {
    for (const mode of ["delete", "wal"]) {
      const directoryOfMode = join(directory, mode);
      mkdirSync(directoryOfMode);
      const making = new DatabaseSync(databasePath(directoryOfMode));
      // Its first page, as the writer makes it, and no more.
      making.exec(`PRAGMA page_size = 16384; PRAGMA auto_vacuum = 2; PRAGMA journal_mode = wal`);
      making.exec(`PRAGMA journal_mode = ${mode}; VACUUM`);
      making.close();
      const never = coded("JOURNAL_FORMAT", /never finished/);
      assert.throws(() => openConnection(directoryOfMode, "inspector", options), never);
      openConnection(directoryOfMode, "writer", options).close();
    }
  });

  test("refuses a newer format and leaves the file as it is", () => {
    const writer = openConnection(directory, "writer", options);
    writer.exec("CREATE TABLE sample (value); PRAGMA application_id = 0x7370776c");
    writer.exec("PRAGMA user_version = 3");
    assert.equal(hasSchema(writer), false);
    writer.close();
    const before = readFileSync(databasePath(directory));
    for (const role of ["writer", "reader", "checkpoint"] as const) {
      assert.throws(
        () => openConnection(directory, role, options),
        coded("JOURNAL_FORMAT", /format 3.*up to 2.*nothing was changed/),
      );
    }
    assert.deepEqual(readFileSync(databasePath(directory)), before);
  });

  test("refuses another program's database and files that are none", () => {
    const foreign = new DatabaseSync(databasePath(directory));
    foreign.exec("CREATE TABLE theirs (value)");
    foreign.close();
    const before = readFileSync(databasePath(directory));
    const refused = coded("JOURNAL_FORMAT", /another program/);
    assert.throws(() => openConnection(directory, "writer", options), refused);
    assert.deepEqual(readFileSync(databasePath(directory)), before);
    writeFileSync(
      databasePath(directory),
      "no database at all, but a rather long text ".repeat(99),
    );
    assert.throws(() => openConnection(directory, "writer", options), coded("JOURNAL_FORMAT"));
  });

  test("refuses directories that cannot be made or written, and network file systems", () => {
    const file = join(directory, "file");
    writeFileSync(file, "");
    for (const path of [file, join(file, "below")]) {
      assert.throws(
        () => openConnection(path, "writer", options),
        coded("JOURNAL_DIRECTORY"),
        path,
      );
    }
    assert.throws(() => assertLocalFileSystem("/mnt", 0x6969), coded("JOURNAL_DIRECTORY", /NFS/));
    assert.throws(
      () => assertLocalFileSystem("/mnt", -11_317_950),
      coded("JOURNAL_DIRECTORY", /CIFS/),
    );
    assertLocalFileSystem("/", 0xef53);
  });

  test("gives up on a lock after the deadline, also when the clock stands still", () => {
    const holder = openConnection(directory, "writer", options);
    const waiting = openConnection(directory, "writer", options);
    holder.exec("BEGIN IMMEDIATE");
    const still = { ...systemClock, monotonicMs: () => 0 };
    let attempts = 0;
    const begin = (): void => {
      attempts++;
      waiting.exec("BEGIN IMMEDIATE");
    };
    const short = { ...options, clock: still, busyTimeoutMs: 5 };
    assert.throws(() => retryWhileBusy("beginning", short, begin), coded("JOURNAL_BUSY"));
    assert.equal(attempts, 6);
    holder.exec("ROLLBACK");
    retryWhileBusy("beginning", short, begin);
    waiting.exec("ROLLBACK");
    waiting.close();
    holder.close();
  });

  test("several processes open a new directory at once", async () => {
    const program = `
      import { openConnection } from ${JSON.stringify(join(import.meta.dirname, "connection.ts"))};
      import { systemClock } from "${join(import.meta.dirname, "../../../kernel/clock.ts")}";
      const options = { clock: systemClock, durability: "fsync", busyTimeoutMs: 10_000 };
      const connection = openConnection(${JSON.stringify(directory)}, "writer", options);
      console.log(connection.prepare("PRAGMA journal_mode").get().journal_mode);`;
    const run = promisify(execFile);
    const results = await Promise.all(
      Array.from({ length: 6 }, () => {
        return run(process.execPath, ["--no-warnings", "--input-type=module", "--eval", program]);
      }),
    );
    assert.deepEqual(
      results.map(({ stdout }) => stdout.trim()),
      Array(6).fill("wal"),
    );
  });
});
