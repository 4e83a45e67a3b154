// Why a message waits for a group: what is stored first, then what this process holds in memory.
// Changes nothing. Always true: it says nothing of what other processes hold in memory but that it
// cannot know it.
import { SpillwayError } from "../../errors/spillway-error.ts";
import type {
  LocalLoad,
  LocalQuery,
  LocalStanding,
  OpenStanding,
} from "../../delivery/local-standing.ts";
import { priorities } from "../../message/envelope.ts";
import { type CircuitOfRule, circuitOpenText } from "../../recovery/policy-rules.ts";
import type { ListedMessage, RangeStanding } from "../../ports/message-standing.ts";
import {
  type Explanation,
  explained,
  type ExplainedMessage,
  type Finding,
  type MessageReference,
  type Reason,
} from "./explanation.ts";
import {
  explainedMessage,
  findMessage,
  type FoundMessage,
  type SearchPlace,
} from "./find-message.ts";
import { sequenceWaitOf } from "./sequence-wait.ts";
import { setAsideCopyOf } from "./set-aside-copy.ts";

/** What a member in this process tells. */
export interface LocalMember {
  /** Undefined while it has no delivery. */
  readonly local:
    | {
        standing(query: LocalQuery): {
          readonly standing: LocalStanding;
          readonly behind: OpenStanding | undefined;
        };
        readonly load: LocalLoad;
        /** The number with which every key begins; undefined: there is none. */
        readonly firstNumber: number | undefined;
      }
    | undefined;
  readonly isPaused: boolean;
  /** How its pool scales itself, in words; undefined: it does not. */
  readonly scaling: string | undefined;
  /** How the circuits of its error policy stand. */
  readonly circuits: readonly CircuitOfRule[];
  /** A rate in words, by its place in the list. */
  readonly rateAt: (index: number) => {
    readonly rate: string;
    /** The name by which all processes share it. */
    readonly shared: string | undefined;
  };
}

/** Circuits that hold messages up. */
function circuitReasons({ circuits }: LocalMember, nowMs: number): readonly Reason[] {
  return circuits.flatMap(({ rule, state, sinceAtMs, probeInMs, limit }): Reason[] => {
    if (state === "closed") return [];
    const probeAtMs = probeInMs === undefined ? undefined : nowMs + probeInMs;
    return [{ kind: "circuit", rule, state, sinceAtMs, probeAtMs, limit }];
  });
}

/** What is asked, and of whom. */
export interface ExplainParts extends SearchPlace {
  /** The group's members in this process. */
  readonly members: readonly LocalMember[];
}

/** Due times beyond this are no times: the message is held until it is released. */
const dueAtMsMax = 8_640_000_000_000_000;
const notHere = "what that process holds in memory: rates, concurrency, circuits, what it handles";

/** Explains; throws INVALID_ARGUMENT where there is no such group. */
export async function explainMessage(
  parts: ExplainParts,
  reference: MessageReference,
): Promise<Explanation> {
  const { channel, group, clock } = parts;
  await assertGroup(parts);
  const found = await findMessage(parts, reference);
  const nowMs = clock.wallMs();
  if (found.kind !== "stored") {
    const state = found.kind === "delayed" ? "delayed" : found.state;
    const nothing = { channel, group, message: undefined, unknown: [] };
    return explained({ ...nothing, state, reasons: [found.reason] }, nowMs);
  }
  const message = explainedMessage(found);
  const { state, reasons, unknown } = await findingOf(parts, found, message);
  return explained({ channel, group, message, state, reasons, unknown }, clock.wallMs());
}

async function assertGroup({ transport, channel, group }: SearchPlace): Promise<void> {
  const groups = await transport.groups(channel);
  if (groups.includes(group)) return;
  throw noGroup(channel, group, groups);
}

function noGroup(channel: string, group: string, groups: readonly string[]): SpillwayError {
  const list = groups.length === 0 ? "it has none" : `it has ${groups.join(", ")}`;
  const text = `channel '${channel}' has no group '${group}': ${list}`;
  return new SpillwayError("INVALID_ARGUMENT", text);
}

type Result = Pick<Finding, "state" | "reasons" | "unknown">;

async function findingOf(
  parts: ExplainParts,
  found: FoundMessage,
  message: ExplainedMessage,
): Promise<Result> {
  const { transport, channel, group, members } = parts;
  const { stored, record } = found;
  const query = { channel, group, priority: message.priority, slot: stored.slotAt(record) };
  const standing = await transport.standing(query);
  if (standing === undefined) throw noGroup(channel, group, []);
  const listed = listedIn(standing, message);
  if (message.offset < standing.position && listed === undefined) {
    const copy = await setAsideCopyOf(parts, message);
    return { state: "done", reasons: [copy ?? { kind: "settled" }], unknown: [] };
  }
  const expired = expiryOf(found, parts.clock.wallMs());
  for (const member of members) {
    const local = member.local === undefined ? [] : localReasons(parts, member, message);
    if (local.length === 0) continue;
    const state = local[0]?.kind === "running" ? "running" : "waiting";
    return { state, reasons: [...expired, ...local], unknown: [] };
  }
  const reasons: Reason[] = [...expired];
  reasons.push(...(await storedReasons(parts, standing, found, message)));
  const here = members.find(({ local }) => local !== undefined);
  if (here !== undefined && standing.owner === "here") {
    const circuits = circuitReasons(here, parts.clock.wallMs());
    const isOpen = circuits.some((each) => each.kind === "circuit" && each.state === "open");
    if (isOpen) reasons.unshift(...circuits);
    else reasons.push(...circuits);
    reasons.push(...loadReasons(here));
  }
  const isElsewhere = standing.owner === "elsewhere";
  const unknown = isElsewhere ? [notHere] : [];
  return { state: "waiting", reasons, unknown };
}

function listedIn({ open }: RangeStanding, message: ExplainedMessage): ListedMessage | undefined {
  return open.find(({ offset }) => offset === message.offset);
}

function expiryOf({ stored, record }: FoundMessage, nowMs: number): readonly Reason[] {
  const { expiresAtMs } = stored.attributesAt(record);
  return expiresAtMs !== undefined && expiresAtMs <= nowMs
    ? [{ kind: "expired", expiresAtMs }]
    : [];
}

/** What a member of this process knows of the message; empty: it is not in its window. */
function localReasons(
  { clock }: ExplainParts,
  member: LocalMember,
  { priority, offset, key }: ExplainedMessage,
): readonly Reason[] {
  const { local, isPaused, rateAt } = member;
  if (local === undefined) return [];
  const query = { lane: priorities.indexOf(priority), offset, key };
  const { standing, behind } = local.standing(query);
  if (standing.kind === "absent") return [];
  if (standing.kind === "running") {
    const { attempt, startedMs } = standing;
    const forMs = startedMs === undefined ? undefined : clock.monotonicMs() - startedMs;
    return [{ kind: "running", attempt, forMs }];
  }
  const reasons: Reason[] = isPaused ? [{ kind: "paused" }] : [];
  if (behind !== undefined) reasons.push({ kind: "behind-key", key, ...behind });
  if (standing.kind === "settling") return [...reasons, { kind: "settling" }];
  const { wait } = standing;
  if (wait?.kind === "coalescing") return [...reasons, wait];
  if (wait?.kind === "key") {
    const ahead = { offset: wait.offset, attempt: 0, dueAtMs: undefined };
    return [...reasons, { kind: "behind-key", key, ...ahead }];
  }
  if (wait?.kind === "rate") {
    const { bucket, inMs, waiting } = wait;
    const atMs = Number.isFinite(inMs) ? clock.wallMs() + inMs : undefined;
    const { rate, shared } = rateAt(wait.rate);
    return [...reasons, { kind: "rate-limit", rate, shared, bucket, atMs, waiting }];
  }
  const { concurrency, troubles } = local.load;
  reasons.push(...circuitReasons(member, clock.wallMs()), ...troubleReasons(troubles));
  reasons.push({ kind: "concurrency", concurrency, ahead: wait?.ahead });
  if (member.scaling !== undefined) reasons.push({ kind: "scaling", text: member.scaling });
  return reasons;
}

/** What keeps a member from fetching. */
function loadReasons({ local, isPaused }: LocalMember): readonly Reason[] {
  if (local === undefined) return [];
  const { window, windowMax, openMessages: open, openMax, troubles } = local.load;
  const reasons: Reason[] = isPaused ? [{ kind: "paused" }] : [];
  if (window >= windowMax) reasons.push({ kind: "window-full", window, windowMax });
  if (open >= openMax) reasons.push({ kind: "too-many-open", open, openMax });
  return [...reasons, ...troubleReasons(troubles)];
}

/** Other troubles than open circuits, which are reasons of their own. */
function troubleReasons(troubles: readonly string[]): readonly Reason[] {
  const others = troubles.filter((text) => !text.includes(circuitOpenText));
  return others.map((text) => ({ kind: "trouble", text }));
}

/** What is stored about a message that is not settled. */
async function storedReasons(
  parts: ExplainParts,
  standing: RangeStanding,
  found: FoundMessage,
  message: ExplainedMessage,
): Promise<readonly Reason[]> {
  const { owner, position } = standing;
  const whose: Reason[] = [];
  if (owner === "elsewhere") whose.push({ kind: "elsewhere" });
  if (owner === "nobody") whose.push({ kind: "no-member" });
  const behind = await behindOf(parts, standing, message);
  const listed = listedIn(standing, message);
  if (listed === undefined) {
    const ahead = message.offset - position;
    return [...behind, ...whose, { kind: "not-fetched", position, ahead }];
  }
  const { attempt, dueAtMs, reason } = listed;
  if (reason === "in-flight") return [...whose, { kind: "settling" }];
  const first = parts.members.find(({ local }) => local !== undefined)?.local?.firstNumber;
  const early = await sequenceWaitOf(parts, found, listed, first);
  if (early !== undefined) return [early, ...behind, ...whose];
  if (reason === "retry" && dueAtMs > dueAtMsMax) return [{ kind: "parked", attempt }, ...whose];
  if (reason === "retry") return [{ kind: "retry", attempt, dueAtMs }, ...behind, ...whose];
  return behind.length > 0 ? [...behind, ...whose] : [{ kind: "parked", attempt }, ...whose];
}

/** Listed messages whose key is looked at. */
const listedLookMax = 1_000;

/** The failed message of the same key for which this one waits. */
async function behindOf(
  { transport, channel }: ExplainParts,
  { open }: RangeStanding,
  { priority, offset, key }: ExplainedMessage,
): Promise<readonly Reason[]> {
  if (key === undefined) return [];
  const before = open.filter((each) => each.offset < offset && each.reason === "retry");
  for (const each of before.slice(0, listedLookMax)) {
    const place = { transport, channel, group: "" };
    const other = await keyAt(place, priority, each.offset);
    if (other !== key) continue;
    const { attempt } = each;
    const dueAtMs = each.dueAtMs > dueAtMsMax ? undefined : each.dueAtMs;
    return [{ kind: "behind-key", key, offset: each.offset, attempt, dueAtMs }];
  }
  return [];
}

async function keyAt(
  { transport, channel }: Pick<SearchPlace, "transport" | "channel">,
  priority: ExplainedMessage["priority"],
  offset: number,
): Promise<string | undefined> {
  for await (const batch of transport.read(channel, { from: { offset }, priority })) {
    if ("keyAt" in batch) {
      for (let record = 0; record < batch.count; record++) {
        if (batch.offsetAt(record) === offset) return batch.keyAt(record);
      }
    }
    return undefined;
  }
  return undefined;
}
