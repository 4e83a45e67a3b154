// What is planted into a sound history, by kind of violation: each takes a copy, does one thing
// wrong, and says whether it found a place for it.
import type { Random } from "../../../src/kernel/random.ts";
import type { HistoryEvent } from "../../../src/testing/history/history-event.ts";
import type { ViolationKind } from "../../../src/testing/history/violation.ts";

type EventOf<Kind extends HistoryEvent["kind"]> = Extract<HistoryEvent, { kind: Kind }>;

/** One thing done wrong. `plant` returns undefined where the history has no place for it. */
export interface Mutation {
  readonly kind: ViolationKind;
  readonly name: string;
  plant(history: readonly HistoryEvent[], random: Random): HistoryEvent[] | undefined;
}

function isKind<Kind extends HistoryEvent["kind"]>(kind: Kind) {
  return (event: HistoryEvent): event is EventOf<Kind> => event.kind === kind;
}

function pick<Item>(items: readonly Item[], random: Random): Item | undefined {
  return items[Math.floor(random.float() * items.length)];
}

/** The only operation of each id that has one, with its outcome. */
function singleOperations(history: readonly HistoryEvent[]) {
  const byId = new Map<string, EventOf<"invoke">[]>();
  for (const event of history.filter(isKind("invoke"))) {
    byId.set(event.id, [...(byId.get(event.id) ?? []), event]);
  }
  const oks = new Map(history.filter(isKind("ok")).map((event) => [event.operation, event]));
  return [...byId.values()].flatMap((invokes) => {
    const [invoke] = invokes;
    const ok = invokes.length === 1 && invoke ? oks.get(invoke.operation) : undefined;
    return invoke && ok ? [{ invoke, ok }] : [];
  });
}

function acknowledgedIds(history: readonly HistoryEvent[]): Set<string> {
  return new Set(singleOperations(history).map(({ invoke }) => invoke.id));
}

const lost: Mutation[] = [
  {
    kind: "lost",
    name: "the log drops an acknowledged message",
    plant(history, random) {
      const ids = acknowledgedIds(history);
      const replays = history.filter(isKind("replay")).filter(({ id }) => ids.has(id));
      const gone = pick(replays, random);
      return gone && history.filter((event) => event !== gone);
    },
  },
  {
    kind: "lost",
    name: "a group never gets a message",
    plant(history, random) {
      const gone = pick(history.filter(isKind("delivery")), random);
      if (gone === undefined) return undefined;
      return history.filter((event) => {
        if (event.kind === "effect") return event.group !== gone.group || event.id !== gone.id;
        if (event.kind !== "delivery" && event.kind !== "handled") return true;
        return event.group !== gone.group || event.offset !== gone.offset;
      });
    },
  },
  {
    kind: "lost",
    name: "a settled message has no effect",
    plant(history, random) {
      const done = new Set(
        history
          .filter(isKind("handled"))
          .filter(({ outcome }) => outcome === "done")
          .map(({ group, offset }) => `${group} ${offset}`),
      );
      const places = new Map(
        history.filter(isKind("replay")).map(({ id, offset }) => [id, offset]),
      );
      const effects = history
        .filter(isKind("effect"))
        .filter(({ group, id }) => done.has(`${group} ${places.get(id)}`));
      const gone = pick(effects, random);
      return gone && history.filter((event) => event !== gone);
    },
  },
];

const reads: Mutation[] = [
  {
    kind: "phantom",
    name: "a stored message was never sent",
    plant(history, random) {
      const sent = pick(singleOperations(history), random);
      return sent && history.filter((event) => event !== sent.invoke && event !== sent.ok);
    },
  },
  {
    kind: "phantom",
    name: "the log gives other content back",
    plant(history, random) {
      const read = pick(history.filter(isKind("replay")), random);
      if (read === undefined) return undefined;
      return history.map((event) => (event === read ? { ...read, value: "damaged" } : event));
    },
  },
  {
    kind: "aborted-read",
    name: "an acknowledgement was a definite failure",
    plant(history, random) {
      const sent = pick(singleOperations(history), random);
      if (sent === undefined) return undefined;
      const { operation, atMs } = sent.ok;
      const failed: HistoryEvent = { kind: "failed", operation, atMs };
      return history.map((event) => (event === sent.ok ? failed : event));
    },
  },
  {
    kind: "inconsistent-offset",
    name: "a reader is shown another message at an offset",
    plant(history, random) {
      const [one, other] = [0, 1].map(() => pick(history.filter(isKind("tail")), random));
      if (!one || !other || one.id === other.id) return undefined;
      return history.map((event) => (event === one ? { ...one, id: other.id } : event));
    },
  },
  {
    kind: "non-monotonic",
    name: "a reader is shown a message again",
    plant(history, random) {
      const read = pick(history.filter(isKind("tail")), random);
      return read && history.flatMap((event) => (event === read ? [event, event] : [event]));
    },
  },
  {
    kind: "tail-not-replay",
    name: "a reader is not shown a message",
    plant(history, random) {
      const gone = pick(history.filter(isKind("tail")), random);
      return gone && history.filter((event) => event !== gone);
    },
  },
];

const rest: Mutation[] = [
  {
    kind: "duplicate",
    name: "a message is stored a second time",
    plant(history, random) {
      const again = pick(history.filter(isKind("replay")), random);
      if (again === undefined) return undefined;
      return history.flatMap((event): HistoryEvent[] => {
        if (event.kind !== "replay-end") return [event];
        const { endOffset } = event;
        return [
          { ...again, offset: endOffset },
          { ...event, endOffset: endOffset + 1 },
        ];
      });
    },
  },
  {
    kind: "duplicate",
    name: "an effect happens twice",
    plant(history, random) {
      const effect = pick(history.filter(isKind("effect")), random);
      return effect && history.flatMap((event) => (event === effect ? [event, event] : [event]));
    },
  },
  {
    kind: "non-monotonic",
    name: "a member is given again what it finished",
    plant(history, random) {
      const handled = history.filter(isKind("handled")).filter(({ outcome }) => outcome === "done");
      const done = pick(handled, random);
      if (done === undefined) return undefined;
      const { group, offset, member } = done;
      const delivery = history
        .filter(isKind("delivery"))
        .find(
          (event) => event.group === group && event.offset === offset && event.member === member,
        );
      if (delivery === undefined) return undefined;
      return history.flatMap((event) => (event === done ? [event, delivery, done] : [event]));
    },
  },
  {
    kind: "reorder",
    name: "two messages of a key change places in the log",
    plant(history, random) {
      const sent = singleOperations(history);
      const first = pick(sent, random);
      const second = sent.find(
        ({ invoke }) => first && invoke.key === first.invoke.key && invoke.atMs > first.ok.atMs,
      );
      if (first === undefined || second === undefined) return undefined;
      const exchanged = new Map([
        [first.invoke.id, second.invoke.id],
        [second.invoke.id, first.invoke.id],
      ]);
      return history.map((event) => {
        if (event === first.ok) return { ...first.ok, offset: second.ok.offset };
        if (event === second.ok) return { ...second.ok, offset: first.ok.offset };
        if (event.kind !== "delivery" && event.kind !== "tail" && event.kind !== "replay")
          return event;
        return { ...event, id: exchanged.get(event.id) ?? event.id };
      });
    },
  },
  {
    kind: "reorder",
    name: "a group gets a message before the one in front of it",
    plant(history, random) {
      const firsts = history.filter(isKind("delivery")).filter(({ attempt }) => attempt === 1);
      const late = pick(firsts, random);
      const early = history
        .filter(isKind("delivery"))
        .find((event) => late && event.key === late.key && event.group === late.group);
      if (!late || !early || (late.offset ?? 0) <= (early.offset ?? 0)) return undefined;
      return history.flatMap((event) => (event === early ? [late, event] : [event]));
    },
  },
  {
    kind: "stuck",
    name: "nothing moves any more after the faults have stopped",
    plant(history) {
      const calm = history.find(isKind("calm"));
      const isLate = (event: HistoryEvent): boolean =>
        event.atMs > (calm?.atMs ?? 0) &&
        ["delivery", "handled", "effect", "drained"].includes(event.kind);
      if (!history.some((event) => event.kind === "delivery" && isLate(event))) return undefined;
      const endAtMs = (history.at(-1)?.atMs ?? 0) + 10_000;
      return [...history.filter((event) => !isLate(event)), { kind: "end", atMs: endAtMs }];
    },
  },
];

/** Everything that is planted, each kind at least once. */
export const mutations: readonly Mutation[] = [...lost, ...reads, ...rest];
