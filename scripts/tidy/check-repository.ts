/**
 * Applies every tidy rule to every file that git knows or would add.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { checkDeterminism } from "./determinism-rules.ts";
import { checkDisk } from "./disk-rules.ts";
import { checkDocstrings } from "./docstring-rules.ts";
import { sourceOf, type Finding, type Source } from "./finding.ts";
import { checkHosts, checkPlace, checkTitles } from "./repository-rules.ts";
import { checkMedian, checkSize } from "./size-rules.ts";
import { checkMarks, checkStyle } from "./style-rules.ts";

const textFiles = new Set([
  ".ts",
  ".tsx",
  ".js",
  ".mjs",
  ".json",
  ".md",
  ".sh",
  ".yml",
  ".html",
  "",
]);
const prose = new Set([".md", ".sh", ".js", ".mjs"]);

/** Every finding in the repository at `root`. */
export function checkRepository(root: string): Finding[] {
  const paths = listFiles(root);
  const sources: Source[] = [];
  const findings: Finding[] = [];
  for (const path of paths) {
    findings.push(...checkPlace(path));
    const extension = extname(path);
    if (!textFiles.has(extension)) continue;
    const text = readFileSync(join(root, path), "utf8");
    findings.push(...checkHosts(path, text), ...checkTitles(path, text));
    if (prose.has(extension)) findings.push(...checkMarks(path, text));
    if (extension === ".ts") sources.push(sourceOf(path, text));
  }
  findings.push(...sources.flatMap(checkSource), ...checkMedian(sources), ...checkDocstrings(root));
  return findings;
}

/** Every finding in one TypeScript file, by all rules that look at one file alone. */
export function checkSource(source: Source): Finding[] {
  return [
    ...checkSize(source),
    ...checkStyle(source),
    ...checkDeterminism(source),
    ...checkDisk(source),
  ];
}

function listFiles(root: string): string[] {
  const listed = execFileSync(
    "git",
    ["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    {
      cwd: root,
      encoding: "utf8",
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  const paths = new Set(listed.split("\0").filter((path) => path !== ""));
  return [...paths].filter((path) => existsSync(join(root, path))).sort();
}
