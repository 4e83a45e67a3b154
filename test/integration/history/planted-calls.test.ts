// Planted histories of publishers that promise the order of their calls: some that must be found,
// and near misses, which look alike and are sound.
import { called, full, type Planted, testPlanted, type Untimed } from "./planted-history.ts";

/** Two messages under way at once, the one that is called for first at the first offset. */
function overlapping(offsets: readonly [number, number], other = "p"): Untimed[] {
  const [a, b] = [called("a", offsets[0]), called("b", offsets[1], other)];
  return [a.invoke, b.invoke, a.outcome, b.outcome];
}

/** Calls, each over before the next. */
function inTurn(...calls: readonly ReturnType<typeof called>[]): Untimed[] {
  return calls.flatMap(({ invoke, outcome }) => [invoke, outcome]);
}

const planted: Planted[] = [
  {
    name: "stored in another order than one publisher called",
    history: [...overlapping([1, 0]), ...full(["b", "a"])],
    finds: ["reorder"],
  },
  {
    name: "stored in the order of the calls",
    history: [...overlapping([0, 1]), ...full(["a", "b"])],
  },
  {
    name: "two publishers of one key, the later call first",
    history: [...overlapping([1, 0], "q"), ...full(["b", "a"])],
  },
  {
    name: "refused, and called for again behind a later one",
    history: [
      ...inTurn(called("a", "failed"), called("b", 0), called("a", 1)),
      ...full(["b", "a"]),
    ],
  },
  {
    name: "two calls of unknown end, the later one stored first",
    history: [...inTurn(called("a", "unknown"), called("b", "unknown")), ...full(["b", "a"])],
    finds: ["reorder"],
  },
  {
    name: "called for again after an unknown end, in the same order",
    history: [
      ...inTurn(called("a", "unknown"), called("b", "unknown"), called("a", 0), called("b", 1)),
      ...full(["a", "b"]),
    ],
  },
];

testPlanted(planted);
