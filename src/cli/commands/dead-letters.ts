// `spillway dead-letters`: what could not be handled, listed, by cause, one by one, or exported.
// Reads only; `redrive` works them off.
import { toCloudEvent } from "../../message/cloud-events.ts";
import type { Transport } from "../../ports/transport.ts";
import { originalAttributes } from "../../recovery/dead-letters/letter.ts";
import { type Command, type CommandCall, exitCodes } from "../command.ts";
import { letterChannels, lettersOf } from "../letters/letter-channels.ts";
import {
  filterOf,
  kindOf,
  letterFlags,
  offsetsOf,
  standingFlag,
  standingsOf,
} from "../letters/letter-flags.ts";
import {
  causeTable,
  type ChannelCause,
  type ChannelLetter,
  letterJson,
  letterPage,
  letterTable,
} from "../letters/letter-text.ts";
import { withJournal } from "../journal-access.ts";
import { nearest } from "../../kernel/nearest.ts";
import { counted, formatCount } from "../terminal/number-format.ts";
import { UsageError } from "../usage-error.ts";

const limitDefault = 50;
const limitMax = 1_000;

/** The command. */
export const deadLettersCommand: Command = {
  name: "dead-letters",
  summary: "list what could not be handled, by cause or one by one",
  usage: "[list|groups|show OFFSET|export] [FLAGS]",
  description: [
    "list      one line a letter, those that nobody worked off yet (default)",
    "groups    one line a cause: letters whose errors have one fingerprint",
    "show      everything about one letter: tries, stack, history, data; needs --channel",
    "export    the messages as CloudEvents, one JSON object a line, for `spillway publish`",
    "",
    "Offsets count among the letters of a channel. `spillway redrive` works them off.",
  ],
  flags: {
    ...letterFlags,
    standing: standingFlag,
    limit: {
      type: "count",
      short: "n",
      min: 1,
      max: limitMax,
      placeholder: "COUNT",
      summary: `list so many at most (default: ${limitDefault})`,
    },
    after: {
      type: "count",
      placeholder: "OFFSET",
      summary: "list what stands behind this letter; needs --channel",
    },
  },
  positionalsMax: 2,
  examples: [
    "spillway dead-letters groups --directory ./data",
    "spillway dead-letters --channel orders --group billing --since 2h",
    "spillway dead-letters show 17 --channel orders",
    "spillway dead-letters export --channel orders --error HANDLER_TIMEOUT > letters.ndjson",
  ],
  async run(call) {
    const [action = "list", word] = call.positionals;
    const run = Object.hasOwn(actions, action) ? actions[action] : undefined;
    if (run === undefined) throw unknownAction(action);
    if (action === "show" && word === undefined) {
      throw new UsageError("show needs the offset of a letter", "dead-letters");
    }
    if (action !== "show" && word !== undefined) {
      throw new UsageError(`${action} does not know what to do with '${word}'`, "dead-letters");
    }
    for (const flag of action === "show" ? ["channel"] : []) assertGiven(call, flag, action);
    if (call.flags["after"] !== undefined) assertGiven(call, "channel", "--after");
    // Wrong flags are told before a journal is opened.
    filterOf(call);
    standingsOf(call.flags["standing"]);
    return withJournal(call, { create: false }, (transport) => run(call, transport));
  },
};

type Action = (call: CommandCall, transport: Transport) => Promise<number>;

const actions: Readonly<Record<string, Action>> = {
  list: listLetters,
  groups: listGroups,
  show: showLetter,
  export: exportLetters,
};

async function listLetters(call: CommandCall, transport: Transport): Promise<number> {
  const { flags, io } = call;
  const limit = Number(flags["limit"] ?? limitDefault);
  const standings = standingsOf(flags["standing"]);
  const kind = kindOf(call);
  const channels = await letterChannels(call, transport, kind);
  const rows: ChannelLetter[] = [];
  let next: number | undefined;
  let isMore = false;
  for (const channel of channels) {
    if (rows.length === limit) {
      isMore = true;
      break;
    }
    const desk = lettersOf(call, transport, channel, kind, { ...filterOf(call), standings });
    const after = flags["after"] === undefined ? {} : { after: Number(flags["after"]) };
    const page = await desk.page({ limit: limit - rows.length, ...after });
    rows.push(...page.letters.map((letter) => ({ channel, letter })));
    next = page.next;
    isMore = page.next !== undefined;
  }
  if (call.json) {
    const letters = rows.map(({ channel, letter }) => letterJson(channel, letter));
    io.stdout.write(`${JSON.stringify({ letters, next: next ?? null, more: isMore })}\n`);
    return exitCodes.success;
  }
  if (rows.length === 0) return sayEmpty(call, transport, channels);
  io.stdout.write(letterTable(rows, io.stdout));
  if (isMore) {
    const how = next === undefined || channels.length > 1 ? "--channel" : `--after ${next}`;
    io.stderr.write(`there are more: ${how}, or a larger --limit\n`);
  }
  return exitCodes.success;
}

async function listGroups(call: CommandCall, transport: Transport): Promise<number> {
  const { io, flags } = call;
  const kind = kindOf(call);
  const standings = standingsOf(flags["standing"]);
  const channels = await letterChannels(call, transport, kind);
  const causes: ChannelCause[] = [];
  let letters = 0;
  let others = 0;
  for (const channel of channels) {
    const desk = lettersOf(call, transport, channel, kind, { ...filterOf(call), standings });
    const found = await desk.groups();
    causes.push(...found.groups.map((group) => ({ channel, ...group })));
    letters += found.letters;
    others += found.others;
  }
  causes.sort((left, right) => right.count - left.count);
  if (call.json) io.stdout.write(`${JSON.stringify({ groups: causes, letters, others })}\n`);
  else if (causes.length === 0) return sayEmpty(call, transport, channels);
  else {
    io.stdout.write(causeTable(causes, io.clock.wallMs(), io.stdout));
    if (others > 0) io.stderr.write(`and ${counted(others, "letter")} of further causes\n`);
  }
  return exitCodes.success;
}

async function showLetter(call: CommandCall, transport: Transport): Promise<number> {
  const { io } = call;
  const [offset = 0] = offsetsOf(call.positionals.slice(1), "dead-letters");
  const kind = kindOf(call);
  const [channel = ""] = await letterChannels(call, transport, kind);
  const desk = lettersOf(call, transport, channel, kind, {});
  const letter = await desk.get(offset);
  if (letter === undefined) {
    throw new UsageError(`channel '${channel}' has no letter ${offset}`, "dead-letters");
  }
  const history = await desk.history(offset);
  const text = call.json
    ? `${JSON.stringify({ ...letterJson(channel, letter), history })}\n`
    : letterPage(letter, history, io.stdout);
  io.stdout.write(text);
  return exitCodes.success;
}

async function exportLetters(call: CommandCall, transport: Transport): Promise<number> {
  const { io, flags } = call;
  const kind = kindOf(call);
  const standings = standingsOf(flags["standing"]);
  for (const channel of await letterChannels(call, transport, kind)) {
    const options = { ...filterOf(call), standings, signal: io.signal };
    for await (const { envelope } of lettersOf(call, transport, channel, kind, options)) {
      const attributes = originalAttributes(envelope.attributes);
      io.stdout.write(`${JSON.stringify(toCloudEvent({ ...envelope, attributes }))}\n`);
      await io.stdout.drained();
    }
  }
  return exitCodes.success;
}

/** Nothing is listed: is that good news, or is it the filter? */
async function sayEmpty(
  call: CommandCall,
  transport: Transport,
  channels: readonly string[],
): Promise<number> {
  const kind = kindOf(call);
  const what = kind === "invalid" ? "invalid messages" : "dead letters";
  let all = 0;
  for (const channel of channels) {
    const options = { standings: standingsOf("all") };
    all += (await lettersOf(call, transport, channel, kind, options).groups()).letters;
  }
  const where = call.flags["channel"] === undefined ? "" : ` of '${String(call.flags["channel"])}'`;
  const text =
    all === 0
      ? `there are no ${what}${where}: nothing was set aside\n`
      : `none of the ${formatCount(all)} ${what}${where} is meant: --standing all lists also ` +
        "those that were worked off\n";
  call.io.stdout.write(text);
  return exitCodes.success;
}

function assertGiven(call: CommandCall, flag: string, what: string): void {
  if (call.flags[flag] !== undefined) return;
  throw new UsageError(`${what} needs --${flag}`, "dead-letters");
}

function unknownAction(word: string): UsageError {
  const names = Object.keys(actions);
  const near = nearest(word, names);
  const hint = near === undefined ? `: there are ${names.join(", ")}` : `: did you mean '${near}'?`;
  return new UsageError(`dead-letters cannot '${word}'${hint}`, "dead-letters");
}
