// What a journal refuses to open, with real directories, users, mounts and system calls: each with
// a message that names the path and what to do, and with nothing changed.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";

const isRoot = process.getuid?.() === 0;
/** A user without any rights, whom only root can become. */
const nobody = isRoot ? "65534" : "";
const fixture = fileURLToPath(new URL("fixtures/open-journal.ts", import.meta.url));
const hasStrace = spawnSync("strace", ["-V"]).status === 0;

interface Met {
  readonly code: string;
  readonly message: string;
  readonly retryable?: boolean;
}

function open(directory: string, user = "", wrapper: readonly string[] = []): Met {
  const program = [process.execPath, "--conditions=spillway:source", fixture, directory, user];
  const [command, ...rest] = [...wrapper, ...program];
  const { stdout, stderr, status } = spawnSync(String(command), rest, {
    encoding: "utf8",
    timeout: 60_000,
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Met;
}

function refused(met: Met, code: string, ...patterns: readonly RegExp[]): void {
  assert.equal(met.code, code, met.message);
  assert.equal(met.retryable, false);
  for (const pattern of patterns) assert.match(met.message, pattern);
}

function place(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "spillway-refusals-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test("a directory that belongs to somebody else", (t) => {
  const directory = place(t);
  chmodSync(directory, 0o555);
  refused(open(directory, nobody), "JOURNAL_DIRECTORY", /belongs to user \d+ with mode 555/);
  const below = open(join(directory, "below"), nobody);
  refused(below, "JOURNAL_DIRECTORY", /cannot be made/, /runs as user/);
  assert.deepEqual(readdirSync(directory), []);
  chmodSync(directory, 0o755);
});

test("a database that this user may read and not write", (t) => {
  const directory = place(t);
  assert.equal(open(directory).code, "none");
  const database = join(directory, "journal.db");
  chmodSync(directory, 0o777);
  chmodSync(database, 0o444);
  const before = readFileSync(database);
  refused(open(directory, nobody), "JOURNAL_DIRECTORY", /journal\.db cannot be/, /with mode 444/);
  assert.deepEqual(readFileSync(database), before);
});

test("a path that is a file, or leads through one", (t) => {
  const directory = place(t);
  const file = join(directory, "file");
  writeFileSync(file, "mine");
  refused(open(file), "JOURNAL_DIRECTORY", /is a file: give the path of a directory/);
  refused(open(join(file, "below")), "JOURNAL_DIRECTORY", /a part of its path is a file/);
  assert.equal(readFileSync(file, "utf8"), "mine");
});

test("a directory in the place of the database or its log", (t) => {
  for (const name of ["journal.db", "journal.db-wal", "journal.db-shm"]) {
    const directory = place(t);
    mkdirSync(join(directory, name));
    refused(open(directory), "JOURNAL_DIRECTORY", new RegExp(`${name} is a directory`));
    assert.ok(statSync(join(directory, name)).isDirectory());
  }
});

test("a database of another program, of a newer format, and a file that is none", (t) => {
  const directory = place(t);
  const database = join(directory, "journal.db");
  const theirs = new DatabaseSync(database);
  theirs.exec("CREATE TABLE theirs (value)");
  theirs.close();
  refused(open(directory), "JOURNAL_FORMAT", /of another program: choose another directory/);
  const newer = place(t);
  assert.equal(open(newer).code, "none");
  const journal = new DatabaseSync(join(newer, "journal.db"));
  journal.exec("PRAGMA user_version = 999");
  journal.close();
  const before = readFileSync(join(newer, "journal.db"));
  refused(open(newer), "JOURNAL_FORMAT", /has format 999/, /nothing was changed/);
  assert.deepEqual(readFileSync(join(newer, "journal.db")), before);
  writeFileSync(database, "a text, and by no means a database. ".repeat(500));
  refused(open(directory), "JOURNAL_FORMAT", /is not a journal: nothing was changed/);
});

test("a file system that is mounted read-only", (t) => {
  const directory = place(t);
  const mounted = isRoot && spawnSync("mount", ["-t", "tmpfs", "tmpfs", directory]).status === 0;
  if (!mounted) return t.skip("a file system can only be mounted as root");
  try {
    assert.equal(open(directory).code, "none");
    assert.equal(spawnSync("mount", ["-o", "remount,ro", directory]).status, 0);
    const below = open(join(directory, "new"));
    refused(below, "JOURNAL_DIRECTORY", /mounted read-only: mount it for writing/);
    refused(open(directory), "JOURNAL_DIRECTORY", /mounted read-only: mount it for writing/);
  } finally {
    spawnSync("umount", [directory]);
  }
});

test("a network file system", {
  skip: hasStrace ? false : "strace is not installed: apt-get install strace",
}, (t) => {
  const directory = place(t);
  // The kernel's answer is changed on its way: 0x6969 is what NFS says.
  const nfs = "inject=statfs:poke_exit=@arg2=6969000000000000";
  const wrapper = ["strace", "-f", "-o", "/dev/null", "-e", "trace=statfs", "-e", nfs];
  const met = open(directory, "", wrapper);
  refused(met, "JOURNAL_DIRECTORY", /network file system \(NFS\)/, /choose a local directory/);
  assert.deepEqual(readdirSync(directory), []);
});
