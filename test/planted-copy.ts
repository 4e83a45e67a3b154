// A temporary copy of the sources with one bug planted in it. Knows nothing of what must find the
// bug. Always true: a change whose text is not there exactly once fails; the copy goes when the
// work on it is over.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));

/** One change of one source file: the text must occur exactly once. */
export interface Change {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** Does `work` on a copy of src and these other places, with the changes made. */
export function onPlantedCopy<Result>(
  changes: readonly Change[],
  places: readonly string[],
  work: (copy: string) => Result,
): Result {
  const copy = makeCopy();
  try {
    return work(plantInto(copy, changes, places));
  } finally {
    removeCopy(copy);
  }
}

/** The same where the work takes its time, so that other work is done beside it. */
export async function besidePlantedCopy<Result>(
  changes: readonly Change[],
  places: readonly string[],
  work: (copy: string) => Promise<Result>,
): Promise<Result> {
  const copy = makeCopy();
  try {
    return await work(plantInto(copy, changes, places));
  } finally {
    removeCopy(copy);
  }
}

function makeCopy(): string {
  return mkdtempSync(join(tmpdir(), "spillway-plant-"));
}

function removeCopy(copy: string): void {
  rmSync(copy, { recursive: true, force: true });
}

function plantInto(copy: string, changes: readonly Change[], places: readonly string[]): string {
  for (const entry of ["src", "package.json", "test/evidence.ts", ...places]) {
    cpSync(join(root, entry), join(copy, entry), {
      recursive: true,
      filter: (source) => !source.includes("/demo/data"),
    });
  }
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  for (const change of changes) plant(copy, change);
  return copy;
}

function plant(copy: string, { file, find, replace }: Change): void {
  const path = join(copy, file);
  const source = readFileSync(path, "utf8");
  assert.equal(source.split(find).length, 2, `the plant no longer applies: ${file}: ${find}`);
  writeFileSync(
    path,
    source.replace(find, () => replace),
  );
}
