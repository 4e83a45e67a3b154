// Finds the message that an explanation is about: by its offset, its id, or the first one of a key
// that is not settled. Reads without a group. Always true: a search looks at a bounded number of
// messages and says how many it looked at, and whether those were all.
import type { Clock } from "../../kernel/clock.ts";
import { keySlot, slotCount } from "../../kernel/key-slot.ts";
import { priorities, type Priority } from "../../message/envelope.ts";
import { isGap } from "../../ports/gap.ts";
import type { RangeStanding } from "../../ports/message-standing.ts";
import type { StartPosition, StoredBatch, Transport } from "../../ports/transport.ts";
import type { ExplainedMessage, MessageReference, Reason } from "./explanation.ts";

/** Most messages that one search looks at. */
export const searchMessagesMax = 1_000_000;
/** Most pages of delayed messages among which an id is looked for. */
export const delayedPagesMax = 100;
/** Batches looked at before other work of the event loop gets its turn. */
const batchesPerTurn = 16;
/** By how much the clocks of producer and journal may differ. */
const clockSlackMs = 60_000;

/** Where to look. */
export interface SearchPlace {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly channel: string;
  readonly group: string;
}

/** A stored message. */
export interface FoundMessage {
  readonly kind: "stored";
  readonly stored: StoredBatch;
  readonly record: number;
}

/** What was found. */
export type Found =
  | FoundMessage
  | { readonly kind: "delayed"; readonly reason: Reason }
  | {
      readonly kind: "none";
      readonly state: "waiting" | "done" | "unknown";
      readonly reason: Reason;
    };

/** Finds what a reference means. */
export async function findMessage(place: SearchPlace, reference: MessageReference): Promise<Found> {
  if (typeof reference === "number") return atOffset(place, "normal", reference);
  if (typeof reference === "string") return withId(place, reference);
  if ("offset" in reference)
    return atOffset(place, reference.priority ?? "normal", reference.offset);
  if ("id" in reference) return withId(place, reference.id);
  return "key" in reference ? ofKey(place, reference.key) : oldest(place);
}

async function atOffset(
  { transport, channel }: SearchPlace,
  priority: Priority,
  offset: number,
): Promise<Found> {
  const stats = (await transport.stats()).find((each) => each.channel === channel);
  const log = stats?.logs.find((each) => each.priority === priority);
  const endOffset = log?.endOffset ?? 0;
  if (offset >= endOffset) {
    return { kind: "none", state: "unknown", reason: { kind: "not-stored", endOffset } };
  }
  for await (const batch of transport.read(channel, { from: { offset }, priority })) {
    if (isGap(batch)) break;
    for (let record = 0; record < batch.count; record++) {
      if (batch.offsetAt(record) === offset) return { kind: "stored", stored: batch, record };
    }
    break;
  }
  const startOffset = log?.startOffset ?? 0;
  return { kind: "none", state: "done", reason: { kind: "removed", startOffset } };
}

async function withId(place: SearchPlace, id: string): Promise<Found> {
  const dueAtMs = await dueAtMsOf(place, id);
  if (dueAtMs !== undefined) return { kind: "delayed", reason: { kind: "delayed", dueAtMs } };
  const isIt = (stored: StoredBatch, record: number): boolean => stored.idAt(record) === id;
  const search = new Search(place.clock);
  const made = timeOfId(id);
  const starts: StartPosition[] = ["earliest"];
  if (made !== undefined) starts.unshift({ timeMs: Math.max(0, made - clockSlackMs) });
  for (const from of starts) {
    for (const priority of priorities) {
      const found = await search.first(place, { priority, from }, isIt);
      if (found !== undefined) return found;
    }
  }
  return search.nothing;
}

/** When a delayed message is due. */
async function dueAtMsOf(
  { transport, channel }: SearchPlace,
  id: string,
): Promise<number | undefined> {
  if (transport.capabilities.delayedCancellation === "no") return undefined;
  let after: string | undefined;
  for (let pages = 0; pages < delayedPagesMax; pages++) {
    const page = await transport.delayed(channel, { after });
    const found = page.messages.find((message) => message.id === id);
    if (found !== undefined) return found.dueAtMs;
    after = page.next;
    if (after === undefined) return undefined;
  }
  return undefined;
}

async function ofKey(place: SearchPlace, key: string): Promise<Found> {
  const { transport, channel, group } = place;
  const slot = keySlot(key);
  const search = new Search(place.clock);
  for (const priority of priorities) {
    const range = unsettledOf(await transport.standing({ channel, group, priority, slot }));
    const log = { priority, from: { offset: range.from } };
    const found = await search.first(place, log, (stored, record) => {
      if (stored.slotAt(record) !== slot || stored.keyAt(record) !== key) return false;
      return isUnsettled(range, stored.offsetAt(record));
    });
    if (found !== undefined) return found;
  }
  return search.nothing;
}

/** The oldest unsettled message: what the group's depth counts first. */
async function oldest(place: SearchPlace): Promise<Found> {
  const { transport, channel, group } = place;
  const stats = (await transport.stats()).find((each) => each.channel === channel);
  const partitions = stats?.partitions ?? 1;
  const search = new Search(place.clock);
  for (const priority of priorities) {
    const ranges: Unsettled[] = [];
    for (let range = 0; range < partitions; range++) {
      const slot = Math.ceil((range * slotCount) / partitions);
      ranges.push(unsettledOf(await transport.standing({ channel, group, priority, slot })));
    }
    const offset = Math.min(...ranges.map(({ from }) => from));
    const found = await search.first(place, { priority, from: { offset } }, (stored, record) => {
      const range = Math.floor((stored.slotAt(record) * partitions) / slotCount);
      return isUnsettled(ranges[range], stored.offsetAt(record));
    });
    if (found !== undefined) return found;
  }
  return search.nothing;
}

interface Unsettled {
  readonly from: number;
  readonly position: number;
  readonly listed: ReadonlySet<number>;
}

function unsettledOf(standing: RangeStanding | undefined): Unsettled {
  const { position = 0, open = [] } = standing ?? {};
  const listed = new Set(open.map(({ offset }) => offset));
  return { from: Math.min(position, ...listed), position, listed };
}

function isUnsettled(range: Unsettled | undefined, offset: number): boolean {
  return range === undefined || offset >= range.position || range.listed.has(offset);
}

/** The time in an id that was made here (UUIDv7); undefined for others. */
function timeOfId(id: string): number | undefined {
  const match = /^([0-9a-f]{8})-([0-9a-f]{4})-7/.exec(id);
  return match === null ? undefined : Number.parseInt(`${match[1]}${match[2]}`, 16);
}

/** One bounded search over several logs. */
export class Search {
  readonly #clock: Clock;
  #searched = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Finds the first message that `isIt` names. */
  async first(
    place: SearchPlace,
    log: { readonly channel?: string; readonly priority: Priority; readonly from: StartPosition },
    isIt: (stored: StoredBatch, record: number) => boolean,
  ): Promise<FoundMessage | undefined> {
    const { priority, from, channel = place.channel } = log;
    let batches = 0;
    for await (const stored of place.transport.read(channel, { from, priority })) {
      if (isGap(stored)) continue;
      for (let record = 0; record < stored.count; record++) {
        if (this.#searched++ >= searchMessagesMax) return undefined;
        if (isIt(stored, record)) return { kind: "stored", stored, record };
      }
      if (++batches % batchesPerTurn === 0) {
        await new Promise<void>((resolve) => this.#clock.soon(resolve));
      }
    }
    return undefined;
  }

  /** What to say where nothing was found. */
  get nothing(): Found {
    const isComplete = this.#searched <= searchMessagesMax;
    const searched = Math.min(this.#searched, searchMessagesMax);
    const reason: Reason = { kind: "not-found", searched, isComplete };
    return { kind: "none", state: "unknown", reason };
  }
}

/** What an explanation says of the message itself. */
export function explainedMessage({ stored, record }: FoundMessage): ExplainedMessage {
  return {
    priority: stored.priority,
    offset: stored.offsetAt(record),
    id: stored.idAt(record),
    type: stored.templateAt(record).type,
    key: stored.keyAt(record),
    storedAtMs: stored.appendedAtMs,
  };
}
