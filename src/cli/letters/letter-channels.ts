// Which channels of a journal have letters. Always true: a channel that was asked for exists, or
// the error names those that do.
import { deadLetterChannelOf, invalidChannelOf } from "../../contracts/names.ts";
import type { Transport } from "../../ports/transport.ts";
import type { LetterKind } from "../../recovery/dead-letters/letter.ts";
import { LetterBox } from "../../recovery/dead-letters/letter-box.ts";
import {
  type DeadLetterOptions,
  type DeadLetters,
  LetterDesk,
} from "../../recovery/redrive/letter-desk.ts";
import type { CommandCall } from "../command.ts";
import { assertChannel } from "../journal-access.ts";

/** The letters of the channel that the call names, or of every channel that can have some. */
export async function letterChannels(
  call: CommandCall,
  transport: Transport,
  kind: LetterKind,
): Promise<readonly string[]> {
  const only = call.flags["channel"];
  if (only !== undefined) {
    await assertChannel(transport, String(only));
    return [String(only)];
  }
  const names = new Set((await transport.stats()).map(({ channel }) => channel));
  const companionOf = kind === "invalid" ? invalidChannelOf : deadLetterChannelOf;
  return [...names].filter((name) => names.has(companionOf(name))).sort();
}

/** The letters of one channel. */
export function lettersOf(
  call: CommandCall,
  transport: Transport,
  channel: string,
  kind: LetterKind,
  options: DeadLetterOptions,
): DeadLetters {
  const { clock, random } = call.io;
  return new LetterDesk({ box: new LetterBox(transport, channel, kind), clock, random }, options);
}
