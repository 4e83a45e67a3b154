/**
 * Rules on size: lines per file, lines per function, columns, and the median file.
 */
import ts from "typescript";
import { findingAt, isProduct, isTest, walk, type Finding, type Source } from "./finding.ts";

/** The limits, one place for all of them. */
export const limits = {
  fileLines: 300,
  testFileLines: 600,
  functionLines: 60,
  medianFileLines: 130,
  columns: 100,
} as const;

/** Findings about the size of one file and of its functions. */
export function checkSize(source: Source): Finding[] {
  return [...checkFile(source), ...checkColumns(source), ...checkFunctions(source)];
}

/** A finding when the median of all product files is over its limit. */
export function checkMedian(sources: readonly Source[]): Finding[] {
  const lengths = sources
    .filter((source) => isProduct(source.path))
    .map((source) => lineCount(source.text))
    .sort((left, right) => left - right);
  const median = lengths[Math.floor(lengths.length / 2)] ?? 0;
  if (median <= limits.medianFileLines) return [];
  const message = `the median file has ${median} lines, the limit is ${limits.medianFileLines}`;
  return [{ path: "src", line: 1, rule: "median-file", message }];
}

function checkFile(source: Source): Finding[] {
  const limit = isTest(source.path) ? limits.testFileLines : limits.fileLines;
  const lines = lineCount(source.text);
  if (lines <= limit) return [];
  const message = `${lines} lines, the limit is ${limit}`;
  return [{ path: source.path, line: limit + 1, rule: "file-length", message }];
}

function checkColumns(source: Source): Finding[] {
  return source.text.split("\n").flatMap((text, index) => {
    const columns = Array.from(text).length;
    if (columns <= limits.columns || /https?:\/\//.test(text)) return [];
    const message = `${columns} columns, the limit is ${limits.columns}`;
    return [{ path: source.path, line: index + 1, rule: "columns", message }];
  });
}

function checkFunctions(source: Source): Finding[] {
  if (isTest(source.path)) return [];
  const findings: Finding[] = [];
  walk(source.tree, (node) => {
    if (!ts.isFunctionLike(node) || !("body" in node) || node.body === undefined) return;
    const lines = lineCount(node.getText(source.tree));
    if (lines <= limits.functionLines) return;
    const message = `a function of ${lines} lines, the limit is ${limits.functionLines}`;
    findings.push(findingAt(source, node, "function-length", message));
  });
  return findings;
}

function lineCount(text: string): number {
  return text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
}
