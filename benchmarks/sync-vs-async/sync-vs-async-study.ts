// The study of synchronous calls beside messages: runs its cases, prints them, and writes the page
// in the documents from a run that was kept.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Study, StudyOptions } from "../study.ts";
import { casesOf } from "./cases.ts";
import { caseName, resultTable } from "./page/result-table.ts";
import { renderPage } from "./page/study-page.ts";
import { runCase } from "./run/run-case.ts";
import { capacity, type CaseResult, type StudyRun } from "./study-run.ts";

/** So that a whole run takes less than ten minutes. */
const secondsDefault = 8;
const secondsQuick = 1;
/** Both sides get the same orders at the same moments. */
const seed = 1;

export const syncVsAsyncStudy: Study = {
  description: "a chain of services that call each other beside the same chain on Spillway",
  async run(options) {
    if (options.from !== undefined) {
      const run = parseRun(readFileSync(options.from, "utf8"), options.from);
      writePage(run, fileURLToPath(new URL("../../docs/", import.meta.url)));
      return [];
    }
    const run = await runStudy(options);
    if (options.json) console.log(JSON.stringify(run, undefined, 2));
    else console.log(resultTable(run.results).join("\n"));
    // What was promised and did not happen; all else in this study is a figure, not a target.
    const lost = run.results.filter(({ spillway }) => spillway.lost > 0);
    return lost.map((result) => `sync-vs-async: lost orders, ${caseName(result.case)}`);
  },
};

async function runStudy({ seconds, quick }: StudyOptions): Promise<StudyRun> {
  const each = seconds ?? (quick ? secondsQuick : secondsDefault);
  const cases = casesOf(each);
  const results: CaseResult[] = [];
  for (const [index, study] of cases.entries()) {
    console.error(`sync-vs-async: ${index + 1}/${cases.length} ${caseName(study)}`);
    results.push(await runCase(study, seed));
  }
  return {
    study: "sync-vs-async",
    date: new Date().toISOString(),
    node: process.version,
    processors: availableParallelism(),
    command: `npm run --silent bench -- sync-vs-async --seconds ${each} --json`,
    seed,
    capacity,
    results,
  };
}

/** Reads a run. Throws when the text is something else. */
export function parseRun(text: string, path: string): StudyRun {
  const run = JSON.parse(text) as Partial<StudyRun> | null;
  if (run?.study !== "sync-vs-async" || !Array.isArray(run.results) || run.results.length === 0) {
    throw new Error(`${path} is no run of this study: give what --json printed`);
  }
  return run as StudyRun;
}

function writePage(run: StudyRun, docs: string): void {
  for (const { path, text } of renderPage(run)) {
    mkdirSync(dirname(join(docs, path)), { recursive: true });
    writeFileSync(join(docs, path), text);
    console.log(`wrote docs/${path}`);
  }
}
