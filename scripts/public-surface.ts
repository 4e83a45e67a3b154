/**
 * The names that users can import, read from the package's entry points with the
 * TypeScript API. The docstring rule, the reference and the example tests share it.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

/** Import path → source file of each public entry point. */
export const entryPoints: Readonly<Record<string, string>> = {
  spillway: "src/index.ts",
  "spillway/embedded": "src/adapters/embedded/index.ts",
  "spillway/memory": "src/adapters/memory/index.ts",
  "spillway/http": "src/http/index.ts",
  "spillway/testing": "src/testing/index.ts",
};

/** One public name and where it is declared. */
export interface PublicName {
  readonly entry: string;
  readonly name: string;
  readonly symbol: ts.Symbol;
  readonly declarations: readonly ts.Declaration[];
}

/** The public names of every entry point that exists, with the checker that knows them. */
export interface PublicSurface {
  readonly program: ts.Program;
  readonly checker: ts.TypeChecker;
  readonly names: readonly PublicName[];
}

/** Reads the entry points below `root`; `entries` maps import paths to source files. */
export function readPublicSurface(
  root: string,
  entries: Readonly<Record<string, string>> = entryPoints,
): PublicSurface {
  const present = Object.entries(entries).filter(([, path]) => existsSync(join(root, path)));
  const files = present.map(([, path]) => join(root, path));
  const program = ts.createProgram(files, compilerOptions(root));
  const checker = program.getTypeChecker();
  const names = present.flatMap(([entry], index) =>
    namesOf(program, checker, entry, files[index] ?? ""),
  );
  return { program, checker, names };
}

function compilerOptions(root: string): ts.CompilerOptions {
  const path = join(root, "tsconfig.json");
  const read = ts.readConfigFile(path, (name) => ts.sys.readFile(name));
  const { options } = ts.parseJsonConfigFileContent(
    { ...(read.config as object), include: [], files: [] },
    ts.sys,
    root,
  );
  return { ...options, noEmit: false, declaration: true, emitDeclarationOnly: true };
}

function namesOf(
  program: ts.Program,
  checker: ts.TypeChecker,
  entry: string,
  file: string,
): PublicName[] {
  const source = program.getSourceFile(file);
  const module = source && checker.getSymbolAtLocation(source);
  if (!module) return [];
  return checker.getExportsOfModule(module).map((exported) => {
    const isAlias = (exported.flags & ts.SymbolFlags.Alias) !== 0;
    const symbol = isAlias ? checker.getAliasedSymbol(exported) : exported;
    return { entry, name: exported.name, symbol, declarations: symbol.declarations ?? [] };
  });
}
