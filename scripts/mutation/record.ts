/**
 * The record of what mutation testing has shown, docs/evidence/mutation.json: for each area its
 * score, the results of the files that were run, and the files that were not.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { areas, sourcesOf } from "./areas.ts";
import { sumOf, type Counts, type FileResult } from "./results.ts";

/** One area of the record. */
export interface AreaRecord {
  /** Of the files that were run; undefined where none was. */
  readonly counts?: Counts;
  readonly files: Readonly<Record<string, FileResult>>;
  readonly notRun: readonly string[];
}

/** The record. */
export interface MutationRecord {
  readonly suite: "mutation";
  readonly date: string;
  readonly node: string;
  readonly areas: Readonly<Record<string, AreaRecord>>;
}

const recordPath = "docs/evidence/mutation.json";

/** What is recorded; undefined before the first run. */
export function readRecord(root: string): MutationRecord | undefined {
  const path = join(root, recordPath);
  if (!existsSync(path)) return undefined;
  return JSON.parse(readFileSync(path, "utf8")) as MutationRecord;
}

/** Replaces the results of these files; those of files that are gone are forgotten. */
export function addToRecord(root: string, results: ReadonlyMap<string, FileResult>): void {
  const before = readRecord(root);
  const record: MutationRecord = {
    suite: "mutation",
    date: new Date().toISOString(),
    node: process.version,
    areas: Object.fromEntries(
      areas.map((area) => {
        const known = { ...before?.areas[area.name]?.files, ...Object.fromEntries(results) };
        const sources = sourcesOf(root, area);
        const files = Object.fromEntries(
          sources.flatMap((path) => (known[path] === undefined ? [] : [[path, known[path]]])),
        );
        const counts = sumOf(Object.values(files).map((file) => file.counts));
        const notRun = sources.filter((path) => files[path] === undefined);
        const whole = Object.keys(files).length === 0 ? {} : { counts };
        return [area.name, { ...whole, files, notRun }];
      }),
    ),
  };
  writeFileSync(join(root, recordPath), `${JSON.stringify(record, null, 2)}\n`);
}
