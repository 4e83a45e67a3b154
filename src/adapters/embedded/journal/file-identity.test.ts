import assert from "node:assert/strict";
import { copyFileSync, renameSync, rmSync } from "node:fs";
import { test } from "node:test";
import {
  CoreRig,
  HandClock,
  makeDirectory,
  plainUnit,
  removeDirectory,
} from "../../../../test/journal/core-rig.ts";
import { databasePath, walPath } from "./directory.ts";
import { pollMsMax } from "./maintenance.ts";

const faults: readonly (readonly [string, (directory: string) => void, RegExp])[] = [
  ["its database is deleted", (at) => rmSync(databasePath(at)), /journal\.db was deleted/],
  ["its log is deleted", (at) => rmSync(walPath(at)), /journal\.db-wal was deleted/],
  ["its directory is deleted", (at) => rmSync(at, { recursive: true }), /journal\.db was deleted/],
  [
    "its database is replaced by a copy",
    (at) => {
      copyFileSync(databasePath(at), `${at}/copy`);
      renameSync(`${at}/copy`, databasePath(at));
    },
    /journal\.db was replaced/,
  ],
];

for (const [what, fault, expected] of faults) {
  test(`a journal stops as soon as ${what}: nobody would read what it stores`, (t) => {
    const directory = makeDirectory();
    t.after(() => removeDirectory(directory));
    const rig = new CoreRig(directory, new HandClock());
    rig.declare("orders");
    const append = (): unknown =>
      rig.transact([plainUnit([rig.encoded("orders", [{ data: "x" }])])]);
    append();
    rig.clock.pass(pollMsMax);
    rig.core.tick();
    append();
    fault(directory);
    rig.clock.pass(pollMsMax);
    rig.core.tick();
    assert.throws(append, { code: "JOURNAL_IO", message: expected });
    assert.match(rig.core.stopIfFailed()?.error.message ?? "", expected);
  });
}
