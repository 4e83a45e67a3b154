// Transactions of one moment share a commit, and fail alone.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { systemClock } from "../../../kernel/clock.ts";
import { ServiceDatabase } from "./service-database.ts";

const schema = "CREATE TABLE IF NOT EXISTS rows (id TEXT PRIMARY KEY) STRICT";

function open(t: TestContext): readonly [ServiceDatabase, ServiceDatabase] {
  const directory = mkdtempSync(join(tmpdir(), "spillway-service-"));
  const databases = [0, 1].map(() => new ServiceDatabase(directory, "stock", schema, systemClock));
  t.after(() => {
    for (const database of databases) database.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return databases as [ServiceDatabase, ServiceDatabase];
}

const insert = (database: ServiceDatabase, id: string): number =>
  database.run("INSERT INTO rows VALUES (?)", id);
const idsOf = (database: ServiceDatabase): unknown[] =>
  database.all("SELECT id FROM rows ORDER BY id").map(({ id }) => id);

test("what one of a group does is undone alone when it fails", async (t) => {
  const [database, twin] = open(t);
  const results = await Promise.allSettled([
    database.transaction(() => insert(database, "a")),
    database.transaction(() => {
      insert(database, "b");
      throw new Error("planted");
    }),
    database.transaction(() => insert(database, "a")),
    database.transaction(() => insert(database, "c")),
  ]);
  assert.deepEqual(
    results.map((result) => (result.status === "fulfilled" ? result.value : "rejected")),
    [1, "rejected", "rejected", 1],
  );
  assert.match(String((results[1] as PromiseRejectedResult).reason), /planted/);
  assert.match(String((results[2] as PromiseRejectedResult).reason), /UNIQUE/);
  assert.deepEqual(idsOf(twin), ["a", "c"]);
});

test("transactions of one moment are seen by others together, and not before", async (t) => {
  const [database, twin] = open(t);
  let seen: unknown[] | undefined;
  await Promise.all([
    database.transaction(() => insert(database, "a")),
    database.transaction(() => {
      seen = idsOf(twin);
      return insert(database, "b");
    }),
  ]);
  assert.deepEqual(seen, [], "the first of the group is not committed alone");
  assert.deepEqual(idsOf(twin), ["a", "b"]);
});
