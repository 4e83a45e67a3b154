// The doctor's checks: each says ok, warn or fail for the right reasons, and what to do.
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { walBytesMaxDefault } from "../../adapters/embedded/options.ts";
import type { ChannelStats, GroupStats } from "../../ports/transport.ts";
import { plainStyle } from "../terminal/ansi.ts";
import { type Finding, renderFinding } from "./finding.ts";
import {
  checkDirectory,
  checkFileSystem,
  checkHolders,
  checkReserve,
  checkRuntime,
  checkSpace,
  checkWriteAheadLog,
  freeBytesFail,
  freeBytesWarn,
} from "./host-checks.ts";
import {
  checkChannels,
  checkGroups,
  checkHealth,
  checkSetAside,
  checkUnread,
  lagMsWarn,
} from "./journal-checks.ts";

function temporary(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "spillway-doctor-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const statusOf = (finding: Finding): string => finding.status;

test("the runtime must be new enough and have SQLite", () => {
  const versions = (node: string, sqlite?: string): NodeJS.ProcessVersions =>
    ({ node, sqlite }) as unknown as NodeJS.ProcessVersions;
  assert.equal(statusOf(checkRuntime(versions("22.22.0", "3.51"))), "ok");
  assert.equal(statusOf(checkRuntime(versions("26.1.0", "3.51"))), "ok");
  assert.equal(statusOf(checkRuntime(versions("22.21.9", "3.51"))), "fail");
  assert.equal(statusOf(checkRuntime(versions("20.19.0", "3.51"))), "fail");
  assert.equal(statusOf(checkRuntime(versions("26.1.0"))), "fail");
});

test("a directory must be there, be one and be writable", (t) => {
  const directory = temporary(t);
  assert.equal(statusOf(checkDirectory(directory)), "ok");
  assert.match(checkDirectory(join(directory, "none")).message, /does not exist/);
  const file = join(directory, "file");
  writeFileSync(file, "");
  assert.match(checkDirectory(file).message, /is not a directory/);
  if (process.getuid?.() === 0) return;
  const closed = join(directory, "closed");
  mkdirSync(closed);
  chmodSync(closed, 0o500);
  assert.match(checkDirectory(closed).message, /may not be written/);
});

test("a network file system fails, a local one passes", (t) => {
  const directory = temporary(t);
  assert.equal(statusOf(checkFileSystem(directory)), "ok");
  const nfs = checkFileSystem(directory, () => 0x6969);
  assert.deepEqual([nfs.status, nfs.message], ["fail", "NFS, a network file system"]);
});

test("free space warns, then fails", () => {
  assert.equal(statusOf(checkSpace("/", () => freeBytesWarn)), "ok");
  assert.equal(statusOf(checkSpace("/", () => freeBytesWarn - 1)), "warn");
  assert.equal(statusOf(checkSpace("/", () => freeBytesFail - 1)), "fail");
  assert.notEqual(checkSpace("/").message, "0 B");
});

test("a reserve that was given up warns", (t) => {
  const directory = temporary(t);
  assert.equal(statusOf(checkReserve(directory)), "ok");
  const path = join(directory, "reserve");
  writeFileSync(path, "");
  assert.match(renderFinding(checkReserve(directory), plainStyle), /^warn .*given up.*free space/);
  truncateSync(path, 8_388_608);
  assert.equal(checkReserve(directory).message, "8.0 MiB");
});

test("a write-ahead log over its bound warns; without one all is well", (t) => {
  const directory = temporary(t);
  assert.equal(statusOf(checkWriteAheadLog(directory)), "ok");
  const path = join(directory, "journal.db-wal");
  writeFileSync(path, "");
  truncateSync(path, walBytesMaxDefault);
  assert.equal(statusOf(checkWriteAheadLog(directory)), "ok");
  truncateSync(path, walBytesMaxDefault + 1);
  assert.equal(statusOf(checkWriteAheadLog(directory)), "warn");
});

test("nobody holds a directory that nobody has open", (t) => {
  const finding = checkHolders(temporary(t));
  assert.equal(finding.status, "ok");
  assert.match(finding.message, /no other process|cannot be listed/);
});

const stats = (channel: string, count: number, groups: GroupStats[] = []): ChannelStats => ({
  channel,
  partitions: 8,
  logs: [{ priority: "normal", startOffset: 5, endOffset: 5 + count, bytes: 10 }],
  delayed: 0,
  groups,
});
const group = (changes: Partial<GroupStats>): GroupStats => ({
  group: "billing",
  depth: 0,
  open: 0,
  lagMs: 0,
  members: 1,
  expired: 0,
  dropped: 0,
  lost: 0,
  ...changes,
});

test("the journal's own health is passed on", () => {
  assert.equal(statusOf(checkHealth({ status: "ok", reasons: [] })), "ok");
  assert.equal(statusOf(checkHealth({ status: "degraded", reasons: ["WAL"] })), "warn");
  assert.equal(statusOf(checkHealth({ status: "failed", reasons: ["disk"] })), "fail");
});

test("dead letters and invalid messages warn, with how many and where", () => {
  const channels = [
    stats("orders", 7),
    stats("orders.dead-letters", 1_200),
    stats("orders.invalid", 0),
  ];
  const [dead, invalid] = checkSetAside(channels);
  assert.deepEqual([dead?.status, dead?.message], ["warn", "1,200 in orders.dead-letters"]);
  assert.match(dead?.remedy ?? "", /spillway tail --channel orders\.dead-letters/);
  assert.deepEqual([invalid?.status, invalid?.message], ["ok", "none"]);
  assert.equal(checkChannels(channels).message, "1 with 7 messages");
});

test("a group without members or far behind warns", () => {
  const idle = checkGroups([stats("orders", 7, [group({ members: 0, depth: 3 })])], 0);
  assert.deepEqual(idle.map(statusOf), ["warn"]);
  assert.match(idle[0]?.message ?? "", /nobody reads for billing on orders \(3 wait\)/);
  const slow = checkGroups([stats("orders", 7, [group({ depth: 1, lagMs: lagMsWarn + 1 })])], 0);
  assert.match(slow[0]?.message ?? "", /behind: billing on orders \(5 min 0 s\)/);
  assert.deepEqual(checkGroups([stats("orders", 7, [group({})])], 0).map(statusOf), ["ok"]);
  const many = Array.from({ length: 7 }, (_, index) =>
    group({ group: `g${index}`, members: 0, depth: 1 }),
  );
  assert.match(checkGroups([stats("orders", 7, many)], 0)[0]?.message ?? "", /and 2 more$/);
});

test("how long retention waits for a group without members is said, and what nobody read", () => {
  const idle = stats("orders", 7, [group({ members: 0, depth: 3, expiresAtMs: 200_000_000 })]);
  assert.match(checkGroups([idle], 0)[0]?.message ?? "", /\(3 wait, kept for 2 d 7 h more\)/);
  assert.match(checkGroups([idle], 200_000_000)[0]?.message ?? "", /\(3 wait, no longer kept for/);
  assert.equal(checkUnread([idle]).message, "nothing expired or was removed");
  const counted = stats("orders", 7, [group({ expired: 1_200, dropped: 3 })]);
  assert.equal(checkUnread([counted]).message, "billing on orders (1,200 expired, 3 removed)");
});

test("a finding is one line", () => {
  const finding: Finding = { check: "WAL", status: "warn", message: "big", remedy: "end it" };
  assert.equal(renderFinding(finding, plainStyle), "warn  WAL           big → end it");
});
