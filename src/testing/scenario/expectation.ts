// What a test says it expects of a scenario: how many, and which. Owns the counting and the words
// of the failure; knows nothing of a bus.
import { AssertionError } from "node:assert";

/** How many, and which. */
export interface Expected<Item> {
  /** Exactly so many; default: at least one. */
  readonly times?: number;
  /** Only of this group. */
  readonly group?: string;
  /** Only those for which this holds. */
  readonly where?: (item: Item) => boolean;
}

/** The items that fit; throws an AssertionError with `tree` where they are too many or too few. */
export function assertCount<Item>(
  what: string,
  items: readonly Item[],
  { times, group, where }: Expected<Item>,
  tree: () => string,
): readonly Item[] {
  const found = where === undefined ? items : items.filter((item) => where(item));
  const isRight = times === undefined ? found.length > 0 : found.length === times;
  if (isRight) return found;
  const wanted = times === undefined ? "at least once" : countText(times);
  const by = group === undefined ? "" : ` by group '${group}'`;
  const others =
    found.length === items.length ? "" : ` (${items.length} without what \`where\` asks for)`;
  const seen = found.length === 0 ? "never" : countText(found.length);
  throw new AssertionError({
    message:
      `expected ${what}${by} ${wanted}, it was so ${seen}${others}; what happened:\n` +
      indented(tree()),
    actual: found.length,
    expected: times ?? 1,
    operator: "scenario",
    stackStartFn: assertCount,
  });
}

/** Throws an AssertionError for work that has not come to an end. */
export function failUnfinished(lines: readonly string[], withinMs: number, tree: string): never {
  throw new AssertionError({
    message:
      `not everything was finished within ${withinMs} ms:\n${indented(lines.join("\n"))}\n` +
      `what happened:\n${indented(tree)}`,
    operator: "scenario",
    stackStartFn: failUnfinished,
  });
}

function countText(count: number): string {
  if (count === 0) return "never";
  return count === 1 ? "once" : `${count} times`;
}

function indented(text: string): string {
  return text === "" ? "  nothing" : text.replaceAll(/^/gm, "  ");
}
