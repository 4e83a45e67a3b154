/**
 * Who may touch the disk, and how. A process that opens and closes a SQLite file by path
 * loses the locks that SQLite holds on it, so the embedded adapter never reads one.
 */
import ts from "typescript";
import { findingAt, isProduct, walk, type Finding, type Source } from "./finding.ts";

const diskFolders = ["src/adapters/embedded/", "src/cli/", "src/demo/", "src/testing/"];
const embedded = "src/adapters/embedded/";
const modules = /^(node:)?fs(\/promises)?$/;

/** What the embedded adapter may call: nothing here opens an existing file to read it. */
const embeddedAllowed = new Set([
  "accessSync",
  "chmodSync",
  "constants",
  "existsSync",
  "mkdir",
  "mkdirSync",
  "readdir",
  "readdirSync",
  "realpathSync",
  "renameSync",
  "rmSync",
  "stat",
  "statSync",
  "lstatSync",
  "statfs",
  "statfsSync",
  "writeFileSync",
]);

/** Files of the embedded adapter that may read a file which is not a database, and which. */
const readingAllowed: Readonly<Record<string, readonly string[]>> = {
  // The kernel's list of locks and processes, in /proc.
  "src/adapters/embedded/journal/wal-readers.ts": ["readFileSync", "readlinkSync"],
  // The directory itself, to sync the names in it.
  "src/adapters/embedded/journal/sync-directory.ts": ["closeSync", "fsyncSync", "openSync"],
  // In a process of its own, before it opens any connection.
  "src/adapters/embedded/loss/accept-process.ts": ["copyFileSync"],
  // Only in the process of a repair, which holds no connection to what it reads.
  "src/adapters/embedded/inspection/salvage/raw-file.ts": [
    "closeSync",
    "fstatSync",
    "openSync",
    "readSync",
  ],
  // The file `tail`, which is not SQLite's.
  "src/adapters/embedded/journal/tail-file.ts": [
    "closeSync",
    "fdatasyncSync",
    "fstatSync",
    "fsyncSync",
    "openSync",
    "readSync",
    "writeSync",
  ],
};

/** A finding for each import of the file system that the rules above do not allow. */
export function checkDisk(source: Source): Finding[] {
  if (!isProduct(source.path)) return [];
  const findings: Finding[] = [];
  walk(source.tree, (node) => {
    if (!ts.isStringLiteral(node) || !modules.test(node.text)) return;
    const message = problemOf(node.parent, source.path);
    if (message) findings.push(findingAt(source, node, "disk", message));
  });
  return findings;
}

function problemOf(parent: ts.Node, path: string): string | undefined {
  if (!diskFolders.some((folder) => path.startsWith(folder))) {
    return `only ${diskFolders.join(", ")} may use the file system`;
  }
  if (!path.startsWith(embedded)) return undefined;
  if (!ts.isImportDeclaration(parent)) return "import the file system's functions by name";
  if (parent.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword) return undefined;
  const bindings = parent.importClause?.namedBindings;
  if (!bindings || !ts.isNamedImports(bindings) || parent.importClause?.name) {
    return "import the file system's functions by name";
  }
  const refused = bindings.elements
    .filter((element) => !element.isTypeOnly)
    .map((element) => (element.propertyName ?? element.name).text)
    .filter((name) => !embeddedAllowed.has(name) && !readingAllowed[path]?.includes(name));
  if (refused.length === 0) return undefined;
  return `${refused.join(", ")} may open a database by path and so drop SQLite's locks`;
}
