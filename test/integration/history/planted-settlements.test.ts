// Planted histories of what was durably settled and comes back: some that must be found, and near
// misses, which look alike and are sound.
import {
  delivered,
  drained,
  full,
  group,
  handled,
  log,
  type Planted,
  stored,
  subscribed,
  testPlanted,
  type Untimed,
} from "./planted-history.ts";

const settling = { ...subscribed, hasSettlements: true };

function settled(offset: number, member = "m"): Untimed {
  return { kind: "settled", group, member, log, offset };
}

function begins(member?: string): Untimed {
  return { kind: "crash", group, ...(member === undefined ? {} : { member }) };
}

const planted: Planted[] = [
  {
    name: "what was settled is given to a member that began after it",
    history: [
      settling,
      ...stored("a", 0),
      delivered("a", 0),
      handled(0),
      settled(0),
      begins("other"),
      delivered("a", 0, undefined, "other"),
    ],
    finds: ["non-monotonic"],
  },
  {
    name: "what was settled is given to anybody after all have begun anew",
    history: [
      settling,
      ...stored("a", 0),
      delivered("a", 0),
      handled(0),
      settled(0),
      begins(),
      delivered("a", 0, undefined, "other"),
    ],
    finds: ["non-monotonic"],
  },
  {
    name: "what was settled is given again to the member that settled it, whatever it had passed",
    history: [
      settling,
      ...stored("a", 0),
      delivered("a", 0),
      handled(0),
      settled(0),
      { kind: "rebalance", group },
      delivered("a", 0),
    ],
    finds: ["non-monotonic"],
  },
  {
    name: "a member that was there before is late with what another has settled",
    history: [
      settling,
      begins("late"),
      ...stored("a", 0),
      delivered("a", 0),
      handled(0),
      settled(0),
      delivered("a", 0, undefined, "late"),
      handled(0, "done", "late"),
      drained,
      ...full(["a"]),
    ],
  },
  {
    name: "handled, not settled, and given again",
    history: [
      settling,
      ...stored("a", 0),
      delivered("a", 0),
      handled(0),
      delivered("a", 0),
      handled(0),
      settled(0),
      drained,
      ...full(["a"]),
    ],
  },
  {
    name: "settled without a handler",
    history: [settling, ...stored("a", 0), settled(0), drained, ...full(["a"])],
  },
  {
    name: "everything is said to be settled, and this was not even handled",
    history: [settling, ...stored("a", 0), delivered("a", 0), drained, ...full(["a"])],
    finds: ["lost"],
  },
];

testPlanted(planted);
