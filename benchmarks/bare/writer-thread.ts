// The bare writer: the smallest thread that makes batches durable with the library Spillway uses
// (node:sqlite, WAL, synchronous=FULL, 16 KiB pages): one insert, or one cursor update, a commit.
import { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";

const port = parentPort;
if (port === null) throw new Error("writer-thread.ts runs as a worker thread");
const { file } = workerData as { readonly file: string };
const database = new DatabaseSync(file);
database.exec(`PRAGMA page_size=16384; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL;
  PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=1000;
  CREATE TABLE IF NOT EXISTS batch(
    id INTEGER PRIMARY KEY, base INTEGER UNIQUE, count INTEGER, data BLOB);
  CREATE TABLE IF NOT EXISTS position(name TEXT PRIMARY KEY, position INTEGER) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS state(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;`);
const insert = database.prepare("INSERT INTO batch(base, count, data) VALUES(?, ?, ?)");
const move = database.prepare(
  "INSERT INTO position VALUES(?, ?) ON CONFLICT(name) DO UPDATE SET position=excluded.position",
);
const upsert = database.prepare(
  "INSERT INTO state VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET value=excluded.value",
);

/** What the bare loops ask of the writer; answered with the same number once it is durable. */
export type BareRequest =
  | {
      readonly id: number;
      readonly kind: "insert";
      readonly base: number;
      readonly count: number;
      readonly data: Uint8Array;
    }
  | {
      readonly id: number;
      readonly kind: "move";
      readonly name: string;
      readonly position: number;
      readonly state: readonly (readonly [string, string])[];
    }
  | { readonly id: number; readonly kind: "close" };

port.on("message", (request: BareRequest) => {
  if (request.kind === "close") {
    database.close();
    port.postMessage(request.id);
    port.close();
    return;
  }
  database.exec("BEGIN IMMEDIATE");
  if (request.kind === "insert") insert.run(request.base, request.count, request.data);
  else {
    for (const [key, value] of request.state) upsert.run(key, value);
    move.run(request.name, request.position);
  }
  database.exec("COMMIT");
  port.postMessage(request.id);
});
