/**
 * Makes the golden directory of the format that this code writes:
 * `node --conditions=spillway:source test/golden/make-golden.ts`.
 * Writes format-<n>.db.zst (the database) and format-<n>.json (what must be read from it) beside
 * itself. Run it once, when a release freezes a format; the tests read every one that is there.
 */
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { zstdCompressSync } from "node:zlib";
import { journalFormat } from "../../src/adapters/embedded/journal/connection.ts";
import { describeJournal } from "./describe-journal.ts";
import { writeJournal } from "./write-journal.ts";

const target = (extension: string): string =>
  fileURLToPath(new URL(`format-${journalFormat}.${extension}`, import.meta.url));

if (existsSync(target("db.zst"))) {
  console.error(`${target("db.zst")} exists: a format that was frozen never changes`);
  process.exitCode = 1;
} else {
  const root = mkdtempSync(join(tmpdir(), "spillway-golden-"));
  try {
    const written = join(root, "written");
    await writeJournal(written);
    const described = join(root, "described");
    cpSync(written, described, { recursive: true });
    const description = await describeJournal(described);
    const bytes = zstdCompressSync(readFileSync(join(written, "journal.db")));
    writeFileSync(target("db.zst"), bytes);
    writeFileSync(target("json"), `${JSON.stringify(description, null, 1)}\n`);
    console.log(`format ${journalFormat}: ${bytes.length} bytes`);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
