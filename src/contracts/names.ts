// The grammar of names: contracts, channels, groups, tenants, state tables. Part of the journal's
// format. Always true: a valid name is 1 to 200 characters of a-z, 0-9, dot, hyphen, underscore,
// and starts with a letter or digit; it needs no escaping in a file name, URL or broker subject.
import { SpillwayError } from "../errors/spillway-error.ts";

const grammar = /^[a-z0-9][a-z0-9._-]{0,199}$/;

/** Endings that name a channel's companion channels; users' channels must not end so. */
export const companionSuffixes = { deadLetters: ".dead-letters", invalid: ".invalid" } as const;

/** Ends the name of the channel beside one of those. */
const redrivesSuffix = ".redrives";

/** Throws INVALID_NAME unless `name` follows the grammar; `what` is the word for the message. */
export function assertName(what: string, name: string): void {
  if (typeof name === "string" && grammar.test(name)) return;
  throw new SpillwayError(
    "INVALID_NAME",
    `${what} name ${shown(name)} is not valid: use a-z, 0-9, '.', '-', '_', start with ` +
      "a letter or digit, at most 200 characters",
    { details: { what, name } },
  );
}

function shown(name: unknown): string {
  if (typeof name !== "string") return `of type ${typeof name}`;
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);
}

/** The channel that holds the messages of `channel` whose handling failed for good. */
export function deadLetterChannelOf(channel: string): string {
  return channel + companionSuffixes.deadLetters;
}

/** The channel that holds the messages of `channel` whose data or type cannot be understood. */
export function invalidChannelOf(channel: string): string {
  return channel + companionSuffixes.invalid;
}

/** The channel that says what became of the letters in `letters`, a channel of one of these. */
export function redrivesChannelOf(letters: string): string {
  return letters + redrivesSuffix;
}

/** Whether this is the name of a dead-letter or invalid-message channel, or of one beside those. */
export function isCompanionChannel(channel: string): boolean {
  const name = channel.endsWith(redrivesSuffix)
    ? channel.slice(0, -redrivesSuffix.length)
    : channel;
  return Object.values(companionSuffixes).some((suffix) => name.endsWith(suffix));
}

/** What a companion channel holds; undefined: it is the channel of somebody's messages. */
export function companionKindOf(channel: string): "dead-letter" | "invalid" | "notes" | undefined {
  if (!isCompanionChannel(channel)) return undefined;
  if (channel.endsWith(redrivesSuffix)) return "notes";
  return channel.endsWith(companionSuffixes.invalid) ? "invalid" : "dead-letter";
}
