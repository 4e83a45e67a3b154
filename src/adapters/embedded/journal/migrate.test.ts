import assert from "node:assert/strict";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, test } from "node:test";
import {
  CoreRig,
  HandClock,
  makeDirectory,
  removeDirectory,
  unitOf,
} from "../../../../test/journal/core-rig.ts";
import { systemClock } from "../../../kernel/clock.ts";
import { type Connection, openConnection } from "./connection.ts";
import { databasePath } from "./directory.ts";
import { migrate } from "./migrate.ts";
import { stateCrc } from "./row-checksums.ts";

/** Takes a journal back to format 1, as the older library left it. */
const toFormat1 = `
BEGIN;
DROP TABLE gap;
DROP TABLE cursor_copy;
ALTER TABLE grp DROP COLUMN expired;
ALTER TABLE grp DROP COLUMN warned_at;
ALTER TABLE grp DROP COLUMN ended_at;
ALTER TABLE grp DROP COLUMN lost;
ALTER TABLE state RENAME TO state_2;
CREATE TABLE state (
  grp INTEGER NOT NULL, name TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL,
  value TEXT NOT NULL, crc INTEGER NOT NULL,
  PRIMARY KEY (grp, name, key)
) STRICT, WITHOUT ROWID;
INSERT INTO state SELECT grp, name, key, version, value, state_2.crc
  FROM state_2 JOIN state_table ON id = tbl;
DROP TABLE state_2;
DROP TABLE state_table;
DROP TABLE doubt;
PRAGMA user_version = 1;
COMMIT;`;

describe("migrating a journal of format 1", () => {
  let directory: string;
  const options = {
    clock: systemClock,
    durability: "fsync" as const,
    busyTimeoutMs: 1_000,
    leaseMs: 60,
  };
  const opened = (work: (connection: Connection) => void): void => {
    const connection = openConnection(directory, "writer", options);
    try {
      work(connection);
    } finally {
      connection.close();
    }
  };
  beforeEach(() => {
    directory = makeDirectory();
    const rig = new CoreRig(directory, new HandClock());
    rig.declare("orders");
    const member = rig.join("orders", "billing");
    const state = ["a", "b", "c"].map((key) => {
      return { table: key === "c" ? "other" : "accounts", key, expected: undefined, value: key };
    });
    rig.transact([unitOf(member, { fences: [{ range: 0, epoch: 1 }], state })]);
    rig.close();
    opened((connection) => connection.exec(toFormat1));
  });
  afterEach(() => removeDirectory(directory));

  const rows = (connection: Connection): unknown[] =>
    connection
      .prepare(
        "SELECT grp, name, key, version, value, state.crc AS crc " +
          "FROM state JOIN state_table ON id = tbl ORDER BY name, key",
      )
      .all();

  test("keeps every state row with its checksum, and happens once", () => {
    opened((connection) => {
      migrate(connection, directory, options);
      const found = rows(connection) as {
        grp: number;
        name: string;
        key: string;
        version: number;
        value: string;
        crc: number;
      }[];
      assert.deepEqual(
        found.map(({ name, key, value }) => `${name}/${key}=${value}`),
        ["accounts/a=a", "accounts/b=b", "other/c=c"],
      );
      for (const { grp, name, key, version, value, crc } of found) {
        assert.equal(stateCrc(grp, name, key, version, value), crc);
      }
      migrate(connection, directory, options);
      assert.deepEqual(rows(connection), found);
      assert.deepEqual(connection.prepare("SELECT * FROM gap").all(), []);
    });
  });

  test("is refused while a process of the older library works", async () => {
    opened((connection) => {
      connection.exec("INSERT INTO process (beat, bell) VALUES (5, '')");
    });
    const beating = new Worker(
      `const { DatabaseSync } = require("node:sqlite");
      const { parentPort, workerData } = require("node:worker_threads");
      const database = new DatabaseSync(workerData);
      setInterval(() => {
        database.exec("PRAGMA busy_timeout = 1000; UPDATE process SET beat = beat + 1");
        parentPort.postMessage("beat");
      }, 5);`,
      { eval: true, workerData: databasePath(directory) },
    );
    await once(beating, "message");
    opened((connection) => {
      assert.throws(() => migrate(connection, directory, { ...options, leaseMs: 400 }), {
        code: "JOURNAL_FORMAT",
        message: /still works on it/,
      });
    });
    await beating.terminate();
  });

  test("is not held up by the row that a dead process left", () => {
    opened((connection) => {
      connection.exec("INSERT INTO process (beat, bell) VALUES (5, '')");
      migrate(connection, directory, options);
      assert.equal(rows(connection).length, 3);
    });
  });
});
