// `spillway tail`: prints what a channel stores, and with --follow what comes after. Its flags and
// its lines; which batches are read in which order is in tail/.
import { parseTime } from "../../kernel/timestamp.ts";
import { priorities, type Priority } from "../../message/envelope.ts";
import { isGap } from "../../ports/gap.ts";
import type { StartPosition } from "../../ports/transport.ts";
import { type Command, type CommandCall, exitCodes, type FlagValues } from "../command.ts";
import { assertChannel, directoryFlag, withJournal } from "../journal-access.ts";
import { readLanes } from "../tail/lane-reader.ts";
import { TailPrinter } from "../tail/tail-printer.ts";
import { UsageError } from "../usage-error.ts";

/** The command. */
export const tailCommand: Command = {
  name: "tail",
  summary: "print stored messages, and new ones as they come",
  usage: "--channel CHANNEL [FLAGS]",
  description: [
    "Reads without a group, so it changes nothing for the services that read. With --json each",
    "line is one CloudEvent, as `spillway publish` reads it. Without --follow it ends at the end.",
    'Where damage took messages a line says which; with --json it is an object {"gap": …}.',
    "An offset written as OFFSET@INCARNATION is refused once the journal was restored: the same",
    "offset may then be another message. `spillway channels --json` tells the incarnation.",
  ],
  flags: {
    directory: directoryFlag,
    channel: {
      type: "string",
      short: "c",
      placeholder: "CHANNEL",
      summary: "the channel to read (required)",
      required: true,
    },
    type: { type: "string", short: "t", placeholder: "TYPE", summary: "only this type" },
    key: { type: "string", short: "k", placeholder: "KEY", summary: "only this key" },
    priority: {
      type: "string",
      placeholder: "PRIORITY",
      summary: `only this one: ${priorities.join(", ")}`,
    },
    from: {
      type: "string",
      placeholder: "POSITION",
      summary: "earliest (default), latest, an offset, or a time: 2030-01-31T12:00:00Z",
    },
    follow: { type: "boolean", short: "f", summary: "wait for new messages, until Ctrl-C" },
    limit: {
      type: "count",
      short: "n",
      min: 1,
      placeholder: "COUNT",
      summary: "end after so many messages",
    },
  },
  positionalsMax: 0,
  examples: [
    "spillway tail --channel orders --key 42",
    "spillway tail -c orders --from 2030-01-31T12:00:00Z --json",
    "spillway tail -c orders --follow --from latest",
  ],
  run: tail,
};

async function tail(call: CommandCall): Promise<number> {
  const { flags, io } = call;
  const channel = String(flags["channel"]);
  const from = positionOf(flags["from"]);
  const lanes = lanesOf(flags["priority"], from);
  await withJournal(call, { create: false }, async (transport) => {
    await assertChannel(transport, channel);
    const done = new AbortController();
    const printer = new TailPrinter(io.stdout, {
      json: call.json,
      type: textOf(flags["type"]),
      key: textOf(flags["key"]),
      countMax: typeof flags["limit"] === "number" ? flags["limit"] : Number.POSITIVE_INFINITY,
    });
    const signal = AbortSignal.any([io.signal, done.signal]);
    const follow = flags["follow"] === true;
    await readLanes(transport, { channel, lanes, from, follow, signal }, async (element) => {
      if (isGap(element)) return printer.printGap(element);
      const goOn = await printer.print(element);
      if (!goOn) done.abort();
    });
  });
  return exitCodes.success;
}

function textOf(value: FlagValues[string] | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}

function positionOf(given: FlagValues[string] | undefined): StartPosition {
  if (given === undefined) return "earliest";
  const text = String(given);
  if (text === "earliest" || text === "latest") return text;
  const [, digits, incarnation] = /^(\d+)(?:@([0-9a-f-]+))?$/.exec(text) ?? [];
  const offset = Number(digits);
  if (Number.isSafeInteger(offset)) {
    return incarnation === undefined ? { offset } : { offset, incarnation };
  }
  const timeMs = parseTime(text) ?? parseTime(`${text}T00:00:00Z`);
  if (timeMs !== undefined) return { timeMs };
  throw new UsageError(
    `--from is '${text}': give earliest, latest, an offset, or a time such as 2030-01-31T12:00:00Z`,
    "tail",
  );
}

/** An offset counts within one log, by default the one of normal priority. */
function lanesOf(given: FlagValues[string] | undefined, from: StartPosition): readonly Priority[] {
  if (given === undefined) {
    return typeof from === "object" && "offset" in from ? ["normal"] : priorities;
  }
  const found = priorities.find((priority) => priority === given);
  if (found !== undefined) return [found];
  const list = priorities.join(", ");
  throw new UsageError(`--priority is '${String(given)}': give one of ${list}`, "tail");
}
