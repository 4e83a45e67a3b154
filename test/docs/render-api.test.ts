/**
 * The API reference shows what users see of a name, and nothing that is private.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { renderApi } from "../../scripts/reference/render-api.ts";

const source = `
/**
 * Opens a door.
 *
 * @example
 * open("left");
 */
export function open(side: string): Door { return new Door(side); }
/** Walks on. */
export class Door {
  #hinges = 2;
  private side: string;
  /** Width in centimetres. */
  readonly width: number = 80;
  constructor(side: string) { this.side = side; }
  /** How many hinges it hangs on. */
  count(): number { return this.side === "" ? 0 : this.#hinges; }
}
`;

test("a name is shown with its docstring, signature, example and file", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "spillway-reference-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "src"));
  const compilerOptions = {
    target: "ES2024",
    module: "nodenext",
    types: [],
    allowImportingTsExtensions: true,
    noEmit: true,
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions }));
  writeFileSync(join(folder, "src/index.ts"), 'export { Door, open } from "./door.ts";\n');
  writeFileSync(join(folder, "src/door.ts"), source);
  const [, text = ""] = renderApi(folder).split("## spillway\n\n");
  assert.equal(text, expected);
});

const expected = `### Door

Walks on.

\`\`\`ts
class Door {
  /** Width in centimetres. */
  readonly width: number;
  constructor(side: string);
  /** How many hinges it hangs on. */
  count(): number;
}
\`\`\`

Declared in \`src/door.ts\`.

### open

Opens a door.

\`\`\`ts
function open(side: string): Door;
\`\`\`

\`\`\`ts
open("left");
\`\`\`

Declared in \`src/door.ts\`.
`;
