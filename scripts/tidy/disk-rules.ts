/**
 * Who may touch the disk, and how. A process that opens and closes a SQLite file by path loses the
 * locks that SQLite holds on it, whether it reads or writes: so what runs in a process that may
 * have a journal open looks at files by `stat`, and opens by path only what is listed here.
 */
import ts from "typescript";
import { findingAt, isProduct, walk, type Finding, type Source } from "./finding.ts";

const diskFolders = ["src/adapters/embedded/", "src/cli/", "src/demo/", "src/testing/"];
const modules = /^(node:)?fs(\/promises)?$/;

/** What everybody there may call: none of it opens a file. */
const openingNothing = new Set([
  "accessSync",
  "chmodSync",
  "constants",
  "existsSync",
  "lstatSync",
  "mkdir",
  "mkdirSync",
  "mkdtempSync",
  "readdir",
  "readdirSync",
  "readlinkSync",
  "realpathSync",
  "renameSync",
  "rmSync",
  "stat",
  "statSync",
  "statfs",
  "statfsSync",
]);

/** Files that may open something else than a database by path: with what, and what it is. */
const openingAllowed: Readonly<Record<string, readonly string[]>> = {
  // The kernel's list of locks and processes, in /proc.
  "src/adapters/embedded/journal/wal-readers.ts": ["readFileSync"],
  "src/cli/doctor/journal-holders.ts": ["readFileSync"],
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
  // A trace and a picture, while no journal is open; files of a journal are refused.
  "src/cli/simulate/trace-files.ts": ["readFileSync", "writeFileSync"],
  // The file `reserve`, which is not SQLite's.
  "src/adapters/embedded/journal/reserve-file.ts": [
    "closeSync",
    "fstatSync",
    "fsyncSync",
    "ftruncateSync",
    "openSync",
    "writeSync",
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
  // Simulated power cuts, after which no connection to what they read goes on.
  "src/testing/simulation/crash-image.ts": [
    "closeSync",
    "ftruncateSync",
    "openSync",
    "readFileSync",
    "writeFileSync",
  ],
  // The package's own description; the user's input, which it refuses to take from a journal.
  "src/cli/program.ts": ["readFileSync"],
  "src/cli/publish/input-source.ts": ["createReadStream"],
  // Lists and recordings of the demos, beside the journal.
  "src/demo/checkout/orders/customer-log.ts": ["appendFileSync", "readFileSync"],
  "src/demo/webhooks/delivery-log.ts": ["appendFileSync", "readFileSync"],
  "src/demo/webhooks/recorded-deliveries.ts": ["readFileSync"],
  // Of brokers for tests: their own new directory, the kernel's lists, the system's users.
  "src/testing/brokers/free-ports.ts": ["readFileSync"],
  "src/testing/brokers/guardian/guardian-process.ts": ["closeSync", "openSync"],
  "src/testing/brokers/guardian/guardian.ts": ["closeSync", "openSync"],
  "src/testing/brokers/guardian/process-tree.ts": ["readFileSync"],
  "src/testing/brokers/local-broker.ts": ["chownSync", "readFileSync", "writeFileSync"],
  "src/testing/brokers/programs.ts": ["readFileSync"],
  // The package's own list for Maven, and its copy in the cache.
  "src/testing/brokers/servers/kafka/kafka-libraries.ts": ["readFileSync", "writeFileSync"],
};

/** A finding for each way to the file system that the rules above do not allow. */
export function checkDisk(source: Source): Finding[] {
  if (!isProduct(source.path)) return [];
  const findings: Finding[] = [];
  walk(source.tree, (node) => {
    if (!ts.isStringLiteralLike(node) || !modules.test(node.text)) return;
    const message = problemOf(node.parent, source.path);
    if (message) findings.push(findingAt(source, node, "disk", message));
  });
  return findings;
}

function problemOf(parent: ts.Node, path: string): string | undefined {
  if (!diskFolders.some((folder) => path.startsWith(folder))) {
    return `only ${diskFolders.join(", ")} may use the file system`;
  }
  if (!ts.isImportDeclaration(parent)) return "import the file system's functions by name";
  if (parent.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword) return undefined;
  const bindings = parent.importClause?.namedBindings;
  if (!bindings || !ts.isNamedImports(bindings) || parent.importClause?.name) {
    return "import the file system's functions by name";
  }
  const refused = bindings.elements
    .filter((element) => !element.isTypeOnly)
    .map((element) => (element.propertyName ?? element.name).text)
    .filter((name) => !openingNothing.has(name) && !openingAllowed[path]?.includes(name));
  if (refused.length === 0) return undefined;
  return `${refused.join(", ")} may open a database by path and so drop SQLite's locks`;
}
