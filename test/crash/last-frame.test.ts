// The machine stops while a commit is being appended to the write-ahead log: its last frame is cut
// after any byte, and the tail does not know of it yet. Whatever the byte is, the journal is sound
// and holds exactly what was acknowledged; with the last byte it may hold the commit as well.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { inspectJournal } from "../../src/adapters/embedded/journal/soundness.ts";
import { CoreRig, HandClock } from "../journal/core-rig.ts";
import { frameHeaderBytes, truncate } from "../journal/damage.ts";
import { copyFiles } from "../journal/damaged-directories.ts";
import { isLongRun, recordEvidence } from "../evidence.ts";
import { snapshotOf } from "./faults/snapshot.ts";
import { storedMessages } from "./faults/stored-messages.ts";
import { lastFrameOf } from "./faults/world.ts";

/** In a short run every so many bytes, and every byte of the frame's own header. */
const stride = isLongRun ? 1 : 61;

/** What a journal holds, and up to which commit. */
function contentOf(directory: string): unknown {
  return { commit: snapshotOf(directory).commit, messages: storedMessages(directory) };
}

/** A journal that was killed while it appended, and the same before that commit. */
function makeBegun(root: string): { readonly begun: string; readonly before: unknown } {
  const rig = new CoreRig(join(root, "live"), new HandClock(), { durability: "fsync" });
  const begun = join(root, "begun");
  try {
    rig.declare("orders", { partitions: 4 });
    for (let number = 0; number < 20; number++) rig.publish("orders", [`{"number":${number}}`]);
    const acknowledged = join(root, "acknowledged");
    copyFiles(rig.directory, acknowledged);
    copyFiles(rig.directory, begun, ["tail"]);
    rig.publish("orders", ['"begun"', '"too"']);
    copyFiles(rig.directory, begun, ["database", "wal"]);
    return { begun, before: contentOf(acknowledged) };
  } finally {
    rig.close();
  }
}

test("a last frame cut after any byte costs nothing that was acknowledged", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "spillway-frame-"));
  t.after(() => rmSync(root, { recursive: true }));
  const { begun, before } = makeBegun(root);
  const frame = lastFrameOf(readFileSync(join(begun, "journal.db-wal")));
  const directory = join(root, "cut");
  const options = { clock: new HandClock(), durability: "fsync", busyTimeoutMs: 100 } as const;
  const violations: string[] = [];
  let cuts = 0;
  for (let length = frame.from; length < frame.to; length++) {
    const place = length - frame.from;
    if (place % stride !== 0 && place > frameHeaderBytes && length < frame.to - 1) continue;
    cpSync(begun, directory, { recursive: true });
    truncate(join(directory, "journal.db-wal"), length);
    const found = inspectJournal(directory, options);
    const doubts = found.kind === "sound" ? found.doubts : [];
    if (found.kind !== "sound" || doubts.length > 0) {
      violations.push(`cut after ${place} bytes: ${JSON.stringify(found)}`);
    }
    try {
      assert.deepEqual(contentOf(directory), before);
    } catch (error) {
      violations.push(`cut after ${place} bytes: ${String(error).slice(0, 300)}`);
    }
    rmSync(directory, { recursive: true });
    cuts++;
  }
  const counts = { cuts, frameBytes: frame.to - frame.from };
  t.diagnostic(JSON.stringify(counts));
  await recordEvidence("last-frame", { seed: 0, counts, violations });
  assert.deepEqual(violations.slice(0, 20), []);
  assert.ok(cuts >= (frame.to - frame.from) / stride);
  assert.notDeepEqual(contentOf(begun), before, "the uncut log has the commit");
});
