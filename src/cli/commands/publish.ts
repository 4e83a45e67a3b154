// `spillway publish`: stores messages from a file or from standard input in one channel. Its flags,
// its progress and its report; the work is in publish/.
import { assertName, isCompanionChannel } from "../../contracts/names.ts";
import { partitionsDefault } from "../../contracts/channel.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";
import type { Transport } from "../../ports/transport.ts";
import { type Command, type CommandCall, exitCodes } from "../command.ts";
import { directoryFlag, withJournal } from "../journal-access.ts";
import { type InputSource, openInput } from "../publish/input-source.ts";
import { PublishProgress } from "../publish/publish-progress.ts";
import { publishInput, type PublishResult } from "../publish/publish-input.ts";
import {
  plainDataReader,
  readCloudEventRecord,
  type RecordReader,
} from "../publish/record-message.ts";
import { counted, formatDuration, formatRate } from "../terminal/number-format.ts";
import { UsageError } from "../usage-error.ts";

/** `source` of plain data unless told otherwise. */
const sourceDefault = "spillway-cli";

/** The command. */
export const publishCommand: Command = {
  name: "publish",
  summary: "store messages from a file or from standard input",
  usage: "--channel CHANNEL [FLAGS] [FILE|-]",
  description: [
    "Reads JSON, one record a line, or a JSON array of records: CloudEvents 1.0 as they stand, or",
    "with --type plain data. Whatever is reported as stored is durable. A record with an id that",
    "was stored before within ten minutes is not stored again. A channel that does not exist is",
    "created. A bad record ends the run; with --continue it is reported and skipped, and the exit",
    "code is 1 at the end.",
  ],
  flags: {
    directory: directoryFlag,
    channel: {
      type: "string",
      short: "c",
      placeholder: "CHANNEL",
      summary: "the channel that stores them (required)",
      required: true,
    },
    type: {
      type: "string",
      short: "t",
      placeholder: "TYPE",
      summary: "the records are plain data of this type",
    },
    source: {
      type: "string",
      placeholder: "SOURCE",
      summary: `CloudEvents source of plain data (default: ${sourceDefault})`,
    },
    "key-field": {
      type: "string",
      placeholder: "FIELD",
      summary: "the field of plain data that is the key, as in order.id",
    },
    "id-field": {
      type: "string",
      placeholder: "FIELD",
      summary: "the field of plain data that is the id; without it each record gets one",
    },
    continue: { type: "boolean", summary: "skip bad records and report them" },
  },
  positionalsMax: 1,
  examples: [
    "spillway publish --channel orders events.ndjson",
    "spillway publish -c orders --type com.acme.order.placed --key-field orderId - < orders.ndjson",
  ],
  run: publish,
};

async function publish(call: CommandCall): Promise<number> {
  const channel = String(call.flags["channel"]);
  assertName("channel", channel);
  if (isCompanionChannel(channel)) {
    throw new SpillwayError("INVALID_NAME", `'${channel}' is the companion of another channel`);
  }
  const read = readerOf(call);
  const source = openInput(call.positionals[0], call.io);
  return withJournal(call, { create: true }, async (transport) => {
    const created = await declareIfNew(transport, channel);
    return publishFrom(call, { transport, channel, source, read, created });
  });
}

interface Target {
  readonly transport: Transport;
  readonly channel: string;
  readonly source: InputSource;
  readonly read: RecordReader;
  readonly created: boolean;
}

async function publishFrom(call: CommandCall, target: Target): Promise<number> {
  const { io, json } = call;
  const progress = new PublishProgress(io, target.source, json);
  const startMs = io.clock.monotonicMs();
  let result: PublishResult;
  try {
    result = await publishInput({
      ...target,
      skipBad: call.flags["continue"] === true,
      clock: io.clock,
      random: io.random,
      signal: io.signal,
      onProgress: (counts) => progress.update(counts),
      onBad: (record) => progress.reportBad(record),
    });
  } finally {
    progress.close();
  }
  const elapsedMs = io.clock.monotonicMs() - startMs;
  io.stdout.write(json ? asJson(target, result, elapsedMs) : asText(target, result, elapsedMs));
  const complete = !result.interrupted && result.skipped === 0;
  return complete ? exitCodes.success : exitCodes.failure;
}

function readerOf(call: CommandCall): RecordReader {
  const { flags } = call;
  const type = flags["type"];
  if (type !== undefined) {
    assertName("type", String(type));
    return plainDataReader({
      type: String(type),
      source: String(flags["source"] ?? sourceDefault),
      keyField: flags["key-field"] === undefined ? undefined : String(flags["key-field"]),
      idField: flags["id-field"] === undefined ? undefined : String(flags["id-field"]),
    });
  }
  for (const name of ["source", "key-field", "id-field"]) {
    if (flags[name] === undefined) continue;
    throw new UsageError(`--${name} is for plain data: give --type as well`, "publish");
  }
  return readCloudEventRecord;
}

/** An existing channel keeps the options that its service gave it. */
async function declareIfNew(transport: Transport, name: string): Promise<boolean> {
  const exists = (await transport.stats()).some((stats) => stats.channel === name);
  if (exists) return false;
  await transport.declare({
    name,
    partitions: partitionsDefault,
    retention: {},
    compression: "none",
  });
  return true;
}

function asJson(target: Target, result: PublishResult, elapsedMs: number): string {
  const { channel, created } = target;
  const seconds = Number((elapsedMs / 1_000).toFixed(3));
  return `${JSON.stringify({ channel, created, ...result, seconds })}\n`;
}

function asText(target: Target, result: PublishResult, elapsedMs: number): string {
  const { stored, repeated, skipped, interrupted } = result;
  const rate = formatRate(elapsedMs > 0 ? (stored / elapsedMs) * 1_000 : 0);
  const parts = [
    `stored ${counted(stored, "message")} in ${target.created ? "new " : ""}channel ` +
      `'${target.channel}' in ${formatDuration(elapsedMs)} (${rate})`,
  ];
  if (repeated > 0) parts.push(`${counted(repeated, "was", "were")} stored before`);
  if (skipped > 0) parts.push(`${counted(skipped, "bad record")} skipped`);
  if (interrupted) parts.push("interrupted before the end of the input");
  return `${parts.join("; ")}\n`;
}
