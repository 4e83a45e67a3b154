// Compiles every program of right/ and wrong/ in one go, with the compiler options of the project.
// A right program has no fault and no type argument; a wrong one has exactly the faults that are
// marked `// error <code>`, each the only one of its line.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const root = fileURLToPath(new URL("../..", import.meta.url));
const wrongProgramsMin = 40;
/** The types that users do name, to type a function of their own. */
const namedByUsers = new Set(["MessageOf", "ReplyOf", "ContextOf"]);
const marker = /\/\/ error (?<code>\d+)$/;

const filesOf = (folder: string): string[] =>
  readdirSync(join(root, "test/types", folder)).map((name) =>
    join(root, "test/types", folder, name),
  );
const right = filesOf("right");
const wrong = filesOf("wrong");
let program: ts.Program;

before(() => {
  const path = join(root, "tsconfig.json");
  const { config } = ts.readConfigFile(path, (name) => ts.sys.readFile(name)) as { config: object };
  const read = ts.parseJsonConfigFileContent({ ...config, include: [], files: [] }, ts.sys, root);
  // Wrong programs leave their results unused.
  const options = { ...read.options, noUnusedLocals: false, noUnusedParameters: false };
  program = ts.createProgram([...right, ...wrong], options);
});

/** The faults of a file, as line and code, in order; one per line and message. */
function faultsOf(path: string): string[] {
  const file = program.getSourceFile(path);
  assert.ok(file !== undefined, path);
  return ts.getPreEmitDiagnostics(program, file).map(({ start = 0, code, messageText }) => {
    const line = ts.getLineAndCharacterOfPosition(file, start).line + 1;
    const text = ts.flattenDiagnosticMessageText(messageText, " ").slice(0, 200);
    return `line ${line}: error ${code} | ${text}`;
  });
}

function marksOf(path: string): string[] {
  const lines = program.getSourceFile(path)?.text.split("\n") ?? [];
  return lines.flatMap((text, index) => {
    const code = marker.exec(text)?.groups?.["code"];
    return code === undefined ? [] : [`line ${index + 1}: error ${code}`];
  });
}

/** Every type argument in a file that is not one of a type that users name. */
function typeArgumentsOf(file: ts.SourceFile): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const { typeArguments } = node as { typeArguments?: ts.NodeArray<ts.TypeNode> };
    const named = ts.isTypeReferenceNode(node) && namedByUsers.has(node.typeName.getText(file));
    if (typeArguments !== undefined && !named) found.push(node.getText(file));
    ts.forEachChild(node, visit);
  };
  ts.forEachChild(file, visit);
  return found;
}

function assertNoTypeArguments(path: string): void {
  assert.deepEqual(typeArgumentsOf(program.getSourceFile(path) as ts.SourceFile), []);
}

test("type arguments are found wherever they can stand", () => {
  const text = "f<A>(); new G<B>(); let a: H<C>; let b: MessageOf<typeof D>; i<E>`x`; j<K>;";
  const file = ts.createSourceFile("x.ts", text, ts.ScriptTarget.Latest, true);
  const found = ["f<A>()", "new G<B>()", "H<C>", "i<E>`x`", "j<K>"];
  assert.deepEqual(typeArgumentsOf(file), found);
});

test("there are enough wrong programs, and each says its one fault", () => {
  const marks = wrong.flatMap(marksOf);
  assert.ok(marks.length >= wrongProgramsMin, `${marks.length} wrong programs`);
});

describe("right programs compile, and nobody wrote a type argument", () => {
  for (const path of right) {
    test(basename(path), () => {
      assert.deepEqual(faultsOf(path), []);
      assertNoTypeArguments(path);
    });
  }
});

describe("wrong programs have their one fault where it was made", () => {
  for (const path of wrong) {
    test(basename(path), () => {
      const faults = faultsOf(path);
      const places = faults.map((fault) => fault.replace(/ \|.*$/, ""));
      assert.deepEqual(places, marksOf(path), faults.join("\n"));
      assertNoTypeArguments(path);
    });
  }
});
