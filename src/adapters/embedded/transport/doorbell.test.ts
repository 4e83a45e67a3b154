import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { seededRandom } from "../../../kernel/random.ts";
import { Doorbell, removeStale } from "./doorbell.ts";
import { bellFolder, bellsIn, newBellPath, socketPathBytesMax } from "./doorbell-path.ts";

const random = seededRandom(7);

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "bell-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A doorbell that counts, and waits for a count. */
async function bellOf(t: TestContext, folder: string) {
  const seen = { rings: 0, waiting: 0, gone: [] as string[] };
  let wake = (): void => undefined;
  const bell = await Doorbell.listen(newBellPath(folder, random), {
    onRing: () => {
      seen.rings++;
      wake();
    },
    onWaiting: () => {
      seen.waiting++;
      wake();
    },
    onGone: (path) => {
      seen.gone.push(path);
      wake();
    },
  });
  t.after(() => bell.close());
  const until = async (check: () => boolean): Promise<void> => {
    while (!check()) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { bell, seen, until };
}

test("a commit rings every peer, and many commits ring no more than one at a time", async (t) => {
  const folder = folderOf(t);
  const one = await bellOf(t, folder);
  const two = await bellOf(t, folder);
  one.bell.connectTo([two.bell.path, one.bell.path, ""]);
  // The first ring is the new line itself.
  await two.until(() => two.seen.rings === 1);
  for (let commit = 0; commit < 1_000; commit++) one.bell.ring();
  await two.until(() => two.seen.rings >= 2);
  one.bell.ring();
  one.bell.ringWaiting();
  await two.until(() => two.seen.waiting === 1 && two.seen.rings >= 3);
  assert.ok(two.seen.rings <= 5, `${two.seen.rings} rings for 1,001 commits`);
  assert.equal(one.seen.rings, 0);
});

test("a peer whose doorbell closes, or refuses, is gone; its socket is removed", async (t) => {
  const folder = folderOf(t);
  const one = await bellOf(t, folder);
  const two = await bellOf(t, folder);
  one.bell.connectTo([two.bell.path]);
  await two.until(() => two.seen.rings === 1);
  await two.bell.close();
  await one.until(() => one.seen.gone.length === 1);
  const left = join(folder, "left.bell");
  await leaveSocket(left);
  one.bell.connectTo([left]);
  await one.until(() => one.seen.gone.length === 2);
  assert.deepEqual(one.seen.gone, [two.bell.path, left]);
  assert.equal(existsSync(left), false);
});

test("a doorbell that does not exist here says nothing about its process", async (t) => {
  const folder = folderOf(t);
  const one = await bellOf(t, folder);
  const left = join(folder, "left.bell");
  await leaveSocket(left);
  one.bell.connectTo([join(folder, "elsewhere.bell"), left]);
  await one.until(() => one.seen.gone.length === 1);
  assert.deepEqual(one.seen.gone, [left]);
});

test("sockets that were left behind are removed, those in use are kept", async (t) => {
  const folder = folderOf(t);
  const { bell } = await bellOf(t, folder);
  const left = join(folder, "left.bell");
  await leaveSocket(left);
  writeFileSync(join(folder, "notes.txt"), "not a socket");
  assert.equal(bellsIn(folder).length, 2);
  const removed = await removeStale(bellsIn(folder));
  assert.equal(removed.length, 1);
  assert.equal(removed.includes(bell.path), false);
  assert.deepEqual(bellsIn(folder), [bell.path]);
});

test("a directory with a long path rings from the temporary directory", async (t) => {
  const folder = folderOf(t);
  assert.equal(bellFolder(folder), join(folder, "bells"));
  const long = join(folder, "d".repeat(socketPathBytesMax));
  const bells = bellFolder(long);
  t.after(() => rmSync(bells, { recursive: true, force: true }));
  assert.notEqual(bells, join(long, "bells"));
  assert.equal(bellFolder(long), bells, "the same for every process");
  assert.deepEqual(bellsIn(bells), []);
  const { bell } = await bellOf(t, bells);
  assert.ok(Buffer.byteLength(bell.path) <= socketPathBytesMax);
});

/** A socket file on which nobody listens, as a killed process leaves it. */
async function leaveSocket(path: string): Promise<void> {
  const server = createServer();
  server.listen(`${path}.tmp`);
  await once(server, "listening");
  const { linkSync } = await import("node:fs");
  linkSync(`${path}.tmp`, path);
  server.close();
  await once(server, "close");
}
