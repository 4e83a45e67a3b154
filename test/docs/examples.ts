/**
 * Collects the code that the documents and the docstrings of public names show: fenced `ts`
 * blocks are examples to run, fenced `sh` blocks are commands to look at.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import ts from "typescript";
import { readPublicSurface } from "../../scripts/public-surface.ts";

/** One block of code, and where its first line stands. */
export interface Block {
  readonly path: string;
  readonly line: number;
  readonly language: string;
  /** The words after the language, such as `no-run`. */
  readonly options: readonly string[];
  readonly code: string;
}

/** The name under which a document's reader saves a block, from its option `file=NAME`. */
export function fileOf(block: Block): string | undefined {
  return valueOf(block, "file");
}

/**
 * The test runner that a block is about, from its option `runner=NAME`. It is no package of this
 * repository: such blocks are for the package tests, which install it.
 */
export function runnerOf(block: Block): string | undefined {
  return valueOf(block, "runner");
}

/** The value of a block's option `name=value`. */
export function valueOf({ options }: Block, name: string): string | undefined {
  return options.find((option) => option.startsWith(`${name}=`))?.slice(name.length + 1);
}

const generatedOrHistorical = ["docs/adr/", "docs/reference/", "docs/evidence/"];

/** The documents whose examples have to work, by their path from `root`. */
export function documentPaths(root: string): string[] {
  const folder = join(root, "docs");
  const documents = existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join("docs", name))
    : [];
  return ["README.md", ...documents]
    .filter((path) => path.endsWith(".md"))
    .filter((path) => !generatedOrHistorical.some((prefix) => path.startsWith(prefix)))
    .sort();
}

/** Every fenced block of a Markdown text. */
export function blocksOf(path: string, markdown: string, firstLine = 1): Block[] {
  const blocks: Block[] = [];
  let open: { mark: string; header: string; line: number; code: string[] } | undefined;
  for (const [index, text] of markdown.split("\n").entries()) {
    const fence = /^\s*(```+)(.*)$/.exec(text);
    if (!open && fence?.[1]) {
      open = { mark: fence[1], header: fence[2] ?? "", line: firstLine + index + 1, code: [] };
    } else if (open && fence?.[1]?.startsWith(open.mark) && fence[2]?.trim() === "") {
      const [language = "", ...options] = open.header.trim().split(/\s+/);
      blocks.push({ path, line: open.line, language, options, code: open.code.join("\n") });
      open = undefined;
    } else open?.code.push(text);
  }
  return blocks;
}

/** The blocks of every document below `root`. */
export function documentBlocks(root: string): Block[] {
  return documentPaths(root)
    .filter((path) => existsSync(join(root, path)))
    .flatMap((path) => blocksOf(path, readFileSync(join(root, path), "utf8")));
}

/** Every `@example` of a public name; one without a fence is TypeScript as it stands. */
export function docstringBlocks(root: string): Block[] {
  const seen = new Set<ts.Node>();
  const { names } = readPublicSurface(root);
  const declarations = names.flatMap((name) => name.declarations);
  return declarations.flatMap((declaration) => {
    const tags = ts.getJSDocTags(declaration).filter((tag) => tag.tagName.text === "example");
    return tags.flatMap((tag) => {
      if (seen.has(tag)) return [];
      seen.add(tag);
      return blocksOfTag(root, tag);
    });
  });
}

function blocksOfTag(root: string, tag: ts.JSDocTag): Block[] {
  const source = tag.getSourceFile();
  const path = relative(root, source.fileName);
  const line = source.getLineAndCharacterOfPosition(tag.getStart()).line + 1;
  const text = ts.getTextOfJSDocComment(tag.comment) ?? "";
  const blocks = blocksOf(path, text, line);
  return blocks.length > 0 ? blocks : [{ path, line, language: "ts", options: [], code: text }];
}
