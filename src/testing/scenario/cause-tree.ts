// The tree of what caused what, as text for people: each message below the one whose handling
// published it, with how every group fared. Pure; knows nothing of a bus.
import type { AnyMessage } from "../../contracts/contract.ts";

/** A message in the tree. */
export type TreeMessage = Pick<
  AnyMessage,
  "id" | "type" | "version" | "channel" | "offset" | "causationId"
> & {
  /** The data as text. */
  readonly data: string;
  /** What happened to it, one line each. */
  readonly notes: readonly string[];
};

/** Most characters of the data that are shown. */
const dataCharactersMax = 80;
/** Most messages that are shown. */
export const treeMessagesMax = 200;
/** Levels beyond which causes are no longer indented. */
const depthMax = 24;

/** Lines of the tree; roots in their own order, children in that of their storing. */
export function causeTree(messages: readonly TreeMessage[]): string {
  const known = new Set(messages.map(({ id }) => id));
  const children = new Map<string, TreeMessage[]>();
  const roots: TreeMessage[] = [];
  for (const message of messages) {
    const { id, causationId } = message;
    if (causationId === undefined || causationId === id || !known.has(causationId)) {
      roots.push(message);
      continue;
    }
    const siblings = children.get(causationId);
    if (siblings === undefined) children.set(causationId, [message]);
    else siblings.push(message);
  }
  return linesOf(roots, children, messages.length).join("\n");
}

function linesOf(
  roots: readonly TreeMessage[],
  children: Map<string, TreeMessage[]>,
  total: number,
): string[] {
  const lines: string[] = [];
  const stack = roots.map((message) => ({ message, depth: 0 })).toReversed();
  let shown = 0;
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if (shown === treeMessagesMax) {
      lines.push(`… and ${total - shown} more`);
      break;
    }
    shown++;
    const { message, depth } = next;
    const margin = "  ".repeat(Math.min(depth, depthMax));
    lines.push(margin + headOf(message), ...message.notes.map((note) => `${margin}  · ${note}`));
    const below = children.get(message.id) ?? [];
    // Shown once, below the first message of that id.
    children.delete(message.id);
    for (const child of below.toReversed()) stack.push({ message: child, depth: depth + 1 });
  }
  return lines;
}

function headOf({ type, version, channel, offset, data }: TreeMessage): string {
  const text = data.length > dataCharactersMax ? `${data.slice(0, dataCharactersMax)}…` : data;
  const place = channel === type ? `${offset}` : `${channel}/${offset}`;
  return `${type}${version === 1 ? "" : ` v${version}`} (${place}) ${text}`;
}
