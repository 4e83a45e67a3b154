/**
 * The vocabulary shared by all tidy rules: a source file to look at, and a finding.
 */
import ts from "typescript";

/** One broken rule at one place. */
export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly rule: string;
  readonly message: string;
}

/** A TypeScript file: its path from the repository root, its text and its syntax tree. */
export interface Source {
  readonly path: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
}

/** Parses `text` as the file at `path`. */
export function sourceOf(path: string, text: string): Source {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  return { path, text, tree };
}

/** A finding at a syntax node. */
export function findingAt(source: Source, node: ts.Node, rule: string, message: string): Finding {
  const start = source.tree.getLineAndCharacterOfPosition(node.getStart(source.tree));
  return { path: source.path, line: start.line + 1, rule, message };
}

/** Calls `visit` for every node of the tree, parents first. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

/** True for files that hold tests. */
export function isTest(path: string): boolean {
  return path.endsWith(".test.ts") || path.startsWith("test/");
}

/** True for files that are published and run in a user's process. */
export function isProduct(path: string): boolean {
  return path.startsWith("src/") && !isTest(path);
}
