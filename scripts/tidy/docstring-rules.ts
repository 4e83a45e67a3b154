/**
 * Every name that a user can import says in its docstring what it is.
 */
import { relative, sep } from "node:path";
import ts from "typescript";
import { readPublicSurface, type PublicName } from "../public-surface.ts";
import type { Finding } from "./finding.ts";

/** A finding for each public name without a docstring. */
export function checkDocstrings(
  root: string,
  entries?: Readonly<Record<string, string>>,
): Finding[] {
  const { names, checker } = readPublicSurface(root, entries);
  return names
    .filter((name) => isOurs(root, name))
    .filter((name) => name.symbol.getDocumentationComment(checker).length === 0)
    .map((name) => findingOf(root, name));
}

function isOurs(root: string, name: PublicName): boolean {
  const file = name.declarations[0]?.getSourceFile().fileName;
  return file === undefined || !relative(root, file).split(sep).includes("node_modules");
}

function findingOf(root: string, name: PublicName): Finding {
  const [declaration] = name.declarations;
  const file = declaration?.getSourceFile();
  const line =
    declaration && file ? ts.getLineAndCharacterOfPosition(file, declaration.getStart()).line : 0;
  return {
    path: file ? relative(root, file.fileName).split(sep).join("/") : name.entry,
    line: line + 1,
    rule: "docstring",
    message: `${name.name}, exported from ${name.entry}, has no docstring`,
  };
}
