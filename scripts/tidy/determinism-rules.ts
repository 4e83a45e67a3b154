/**
 * Time, chance and timers enter the product through `src/kernel` alone, so that a
 * simulation can replace them. This rule finds every other way in.
 */
import ts from "typescript";
import { findingAt, isProduct, walk, type Finding, type Source } from "./finding.ts";

const globals = new Set(["Date", "performance", "setTimeout", "setInterval", "setImmediate"]);
const members = new Set([
  "Math.random",
  "AbortSignal.timeout",
  "process.hrtime",
  ...[...globals].map((name) => `globalThis.${name}`),
]);
const anywhere = new Set(["randomUUID", "randomUUIDv7"]);
const modules = /^(node:)?timers(\/|$)/;

/** A finding for each use of a real clock, timer or random source outside `src/kernel`. */
export function checkDeterminism(source: Source): Finding[] {
  if (!isProduct(source.path) || source.path.startsWith("src/kernel/")) return [];
  const findings: Finding[] = [];
  walk(source.tree, (node) => {
    const name = forbiddenName(node);
    if (name === undefined) return;
    const message = `${name} belongs in src/kernel: take a Clock, Random or Scheduler`;
    findings.push(findingAt(source, node, "determinism", message));
  });
  return findings;
}

function forbiddenName(node: ts.Node): string | undefined {
  if (ts.isStringLiteral(node) && isModuleName(node) && modules.test(node.text)) return node.text;
  if (ts.isPropertyAccessExpression(node)) {
    const path = `${node.expression.getText()}.${node.name.text}`;
    return members.has(path) ? path : undefined;
  }
  if (!ts.isIdentifier(node)) return undefined;
  if (anywhere.has(node.text)) return node.text;
  return globals.has(node.text) && isReference(node) ? node.text : undefined;
}

function isModuleName(node: ts.StringLiteral): boolean {
  const { parent } = node;
  return (
    ts.isImportDeclaration(parent) ||
    ts.isExportDeclaration(parent) ||
    (ts.isCallExpression(parent) && parent.expression.kind === ts.SyntaxKind.ImportKeyword)
  );
}

/** False where the identifier only names a member, as in `clock.setTimeout` or `{ Date: 1 }`. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.name !== node;
  if (ts.isQualifiedName(parent)) return parent.right !== node;
  const namesMember =
    ts.isPropertyAssignment(parent) ||
    ts.isPropertySignature(parent) ||
    ts.isPropertyDeclaration(parent) ||
    ts.isMethodSignature(parent) ||
    ts.isMethodDeclaration(parent);
  return !(namesMember && parent.name === node);
}
