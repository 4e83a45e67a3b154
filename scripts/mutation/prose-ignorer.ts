/**
 * Leaves texts for people out of the mutants: their wording is no behaviour, and a test that
 * compared it would only repeat it. A text for people is a string of several words that is not SQL.
 * Names, codes, kinds and keys are single words, and stay in.
 */
import type { Ignorer, NodePath } from "@stryker-mutator/api/ignore";

/** What this needs of Babel's syntax tree. */
interface StringNode {
  readonly type: string;
  readonly value?: unknown;
  readonly quasis?: readonly { readonly value: { readonly raw: string } }[];
}

const sqlWords = [
  ..."SELECT INSERT UPDATE DELETE CREATE DROP ALTER PRAGMA BEGIN COMMIT ROLLBACK".split(" "),
  ..."ATTACH DETACH WITH VACUUM FROM WHERE ORDER VALUES AND SET ON JOIN LIMIT".split(" "),
];
const sql = new RegExp(`^\\s*(${sqlWords.join("|")})\\b`);

/** Whether a string or template literal with this text is for people. */
export function isProse(text: string): boolean {
  return /[a-z,:;.]\s+\S|\S\s+[a-z(]/.test(text) && !sql.test(text);
}

/** Stryker's plugin. */
export class ProseIgnorer implements Ignorer {
  shouldIgnore(path: NodePath): string | undefined {
    if (!("node" in path)) return undefined;
    const { type, value, quasis } = path.node as StringNode;
    let text: string | undefined;
    if (type === "StringLiteral" && typeof value === "string") text = value;
    if (type === "TemplateLiteral") text = quasis?.map(({ value: { raw } }) => raw).join("x");
    return text !== undefined && isProse(text) ? "a text for people" : undefined;
  }
}
