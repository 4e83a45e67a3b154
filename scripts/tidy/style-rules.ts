/**
 * Rules on names and on the parts of the language that the project does without.
 */
import { basename, dirname } from "node:path";
import ts from "typescript";
import { findingAt, walk, type Finding, type Source } from "./finding.ts";

const bannedNames = new Set(["utils", "helpers", "common", "misc", "types", "manager"]);
const unfinishedMark = new RegExp(`\\b(${["TO", "FIX"].join("DO|")}ME)\\b`);

/** Files that node:test loads by their default export. */
const defaultExportAllowed = new Set(["scripts/test-runner/count-reporter.ts"]);

/** Findings about the name of a file, its unfinished marks and its banned syntax. */
export function checkStyle(source: Source): Finding[] {
  return [
    ...checkName(source.path),
    ...checkMarks(source.path, source.text),
    ...checkSyntax(source),
  ];
}

/** A finding for each line that says that work is left over. */
export function checkMarks(path: string, text: string): Finding[] {
  return text.split("\n").flatMap((line, index) => {
    const mark = unfinishedMark.exec(line)?.[1];
    if (mark === undefined) return [];
    const message = `${mark}: finish it, or describe the limit in words`;
    return [{ path, line: index + 1, rule: "unfinished", message }];
  });
}

function checkName(path: string): Finding[] {
  const finding = (rule: string, message: string): Finding => ({ path, line: 1, rule, message });
  const findings: Finding[] = [];
  const stem = basename(path).replace(/(\.[a-z]+)?\.ts$/, "");
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(stem)) {
    findings.push(finding("kebab-case", `${basename(path)} is not kebab-case.ts`));
  }
  const folders = path.startsWith("src/") ? dirname(path).split("/") : [];
  for (const name of [...folders, stem, stem.split("-").at(-1) ?? stem]) {
    if (!bannedNames.has(name)) continue;
    findings.push(finding("banned-name", `"${name}" says nothing: name what it holds`));
    break;
  }
  return findings;
}

function checkSyntax(source: Source): Finding[] {
  const findings: Finding[] = [];
  walk(source.tree, (node) => {
    const problem = problemOf(node, source.path);
    if (problem) findings.push(findingAt(source, node, problem[0], problem[1]));
  });
  return findings;
}

function problemOf(node: ts.Node, path: string): readonly [string, string] | undefined {
  if (node.kind === ts.SyntaxKind.AnyKeyword) return ["no-any", "use unknown and narrow it"];
  if (ts.isEnumDeclaration(node)) return ["no-enum", "use an `as const` table"];
  if (ts.isModuleDeclaration(node) && ts.isIdentifier(node.name) && node.name.text !== "global") {
    return ["no-namespace", "use a module"];
  }
  if (isDefaultExport(node) && !defaultExportAllowed.has(path)) {
    return ["no-default-export", "export by name"];
  }
  return undefined;
}

function isDefaultExport(node: ts.Node): boolean {
  if (ts.isExportAssignment(node)) return true;
  if (ts.isExportSpecifier(node)) return node.name.text === "default";
  return node.kind === ts.SyntaxKind.DefaultKeyword && ts.canHaveModifiers(node.parent);
}
