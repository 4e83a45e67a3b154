// What became of a settled message: whether a copy of it lies in a companion channel. Knows the
// extension attributes of such copies. Always true: the search is bounded.
import { deadLetterChannelOf, invalidChannelOf } from "../../contracts/names.ts";
import { priorities } from "../../message/envelope.ts";
import type { ExplainedMessage, Reason } from "./explanation.ts";
import { type FoundMessage, Search, type SearchPlace } from "./find-message.ts";

/** The copy that the group made of a message; undefined: none was found. */
export async function setAsideCopyOf(
  place: SearchPlace,
  message: ExplainedMessage,
): Promise<Reason | undefined> {
  const known = new Set((await place.transport.stats()).map(({ channel }) => channel));
  for (const [kind, channel] of [
    ["dead-lettered", deadLetterChannelOf(place.channel)],
    ["invalid", invalidChannelOf(place.channel)],
  ] as const) {
    if (!known.has(channel)) continue;
    const found = await copyIn(place, channel, kind === "invalid" ? kind : "deadletter", message);
    if (found === undefined) continue;
    const { stored, record } = found.message;
    const { code, reason, atMs } = found;
    return { kind, channel, offset: stored.offsetAt(record), code, reason, atMs };
  }
  return undefined;
}

interface Copy {
  readonly message: FoundMessage;
  readonly code: string;
  readonly reason: string;
  readonly atMs: number;
}

async function copyIn(
  place: SearchPlace,
  channel: string,
  prefix: "deadletter" | "invalid",
  { id, offset, storedAtMs }: ExplainedMessage,
): Promise<Copy | undefined> {
  const search = new Search(place.clock);
  for (const priority of priorities) {
    const log = { channel, priority, from: { timeMs: storedAtMs } };
    const found = await search.first(place, log, (stored, record) => {
      if (stored.idAt(record) !== id) return false;
      const { extensions = {} } = stored.attributesAt(record);
      const isOfGroup = extensions[`${prefix}group`] === place.group;
      return isOfGroup && extensions[`${prefix}offset`] === String(offset);
    });
    if (found === undefined) continue;
    const { extensions = {} } = found.stored.attributesAt(found.record);
    const code = String(extensions[`${prefix}code`]);
    const reason = String(extensions[`${prefix}reason`]);
    return { message: found, code, reason, atMs: Number(extensions[`${prefix}attime`]) };
  }
  return undefined;
}
