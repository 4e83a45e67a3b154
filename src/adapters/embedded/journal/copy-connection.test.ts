import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { makeDirectory, removeDirectory } from "../../../../test/journal/core-rig.ts";
import { openCopyConnection } from "./copy-connection.ts";
import { DatabaseSync } from "./sqlite.ts";

function databaseWith(t: TestContext, sql: string): string {
  const directory = makeDirectory();
  t.after(() => removeDirectory(directory));
  const path = join(directory, "journal.db");
  const database = new DatabaseSync(path);
  database.exec(`PRAGMA page_size = 16384; CREATE TABLE one (id INTEGER); ${sql}`);
  database.close();
  assert.ok(statSync(path).size > 0);
  return path;
}

test("a copy whose making failed is made anew", (t) => {
  const path = databaseWith(t, "DROP TABLE one");
  assert.throws(() => openCopyConnection(path, "read"), { code: "BACKUP_CONFLICT" });
  openCopyConnection(path, "write").close();
});

test("another program's database is refused", (t) => {
  const path = databaseWith(t, "");
  assert.throws(() => openCopyConnection(path, "write"), { code: "BACKUP_CONFLICT" });
});
