/**
 * What mutants came to, file by file: counts, the score, and the survivors with the line they
 * change. Places are told by the text of the line, which moves with the code.
 */
import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import type { MutantResult } from "@stryker-mutator/api/core";

/** How many mutants came to what. */
export interface Counts {
  readonly killed: number;
  readonly timeout: number;
  readonly survived: number;
  readonly noCoverage: number;
  /** Mutants with which the sources cannot even be imported, and texts for people. */
  readonly ignored: number;
  /** Per cent of the mutants that are not ignored. */
  readonly score: number;
}

/** A mutant that no test has noticed. */
export interface Survivor {
  /** What stood there. */
  readonly original: string;
  readonly replacement: string;
  /** The line of the source in which it begins. */
  readonly line: string;
  /** No test reaches it. */
  readonly uncovered?: true;
}

/** One source file. */
export interface FileResult {
  readonly date: string;
  readonly counts: Counts;
  readonly survivors: readonly Survivor[];
}

const textKept = 120;

/** Results of each file, by its path from the repository root. */
export function resultsByFile(
  root: string,
  mutants: readonly MutantResult[],
): Map<string, FileResult> {
  const byFile = Map.groupBy(mutants, ({ fileName }) => relative(root, fileName));
  const date = new Date().toISOString();
  return new Map(
    [...byFile].map(([path, found]) => {
      const lines = readFileSync(join(root, path), "utf8").split("\n");
      const survivors = found.flatMap((mutant) => survivorOf(mutant, lines));
      return [path, { date, counts: countsOf(found), survivors }];
    }),
  );
}

function countsOf(mutants: readonly MutantResult[]): Counts {
  const count = (...kinds: readonly MutantResult["status"][]): number =>
    mutants.filter(({ status }) => kinds.includes(status)).length;
  return scored({
    killed: count("Killed"),
    timeout: count("Timeout"),
    survived: count("Survived"),
    noCoverage: count("NoCoverage"),
    ignored: count("Ignored", "RuntimeError", "CompileError"),
  });
}

/** Several counts as one. */
export function sumOf(all: readonly Omit<Counts, "score">[]): Counts {
  const sum = (key: keyof Omit<Counts, "score">): number =>
    all.reduce((total, counts) => total + counts[key], 0);
  return scored({
    killed: sum("killed"),
    timeout: sum("timeout"),
    survived: sum("survived"),
    noCoverage: sum("noCoverage"),
    ignored: sum("ignored"),
  });
}

function scored(counts: Omit<Counts, "score">): Counts {
  const detected = counts.killed + counts.timeout;
  const all = detected + counts.survived + counts.noCoverage;
  return { ...counts, score: all === 0 ? 100 : Math.floor((detected / all) * 1_000) / 10 };
}

function survivorOf(mutant: MutantResult, lines: readonly string[]): Survivor[] {
  const { status, location, replacement } = mutant;
  if (status !== "Survived" && status !== "NoCoverage") return [];
  const { start, end } = location;
  // Stryker counts lines and columns from one.
  const text = lines.slice(start.line - 1, end.line);
  const last = text.length - 1;
  text[last] = (text[last] ?? "").slice(0, end.column - 1);
  text[0] = (text[0] ?? "").slice(start.column - 1);
  const survivor = {
    original: shortOf(text.join("\n")),
    replacement: shortOf(replacement),
    line: shortOf(lines[start.line - 1] ?? ""),
  };
  return [status === "NoCoverage" ? { ...survivor, uncovered: true } : survivor];
}

function shortOf(text: string): string {
  const oneLine = text.replaceAll(/\s+/g, " ").trim();
  return oneLine.length <= textKept ? oneLine : `${oneLine.slice(0, textKept)}…`;
}
