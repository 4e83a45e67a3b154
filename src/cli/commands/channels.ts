// `spillway channels`: what a journal stores, one line a channel.
import type { ChannelStats } from "../../ports/transport.ts";
import { type Command, exitCodes } from "../command.ts";
import { directoryFlag, directoryOf, withJournal } from "../journal-access.ts";
import { formatBytes, formatCount } from "../terminal/number-format.ts";
import { renderTable } from "../terminal/table.ts";

/** The command. */
export const channelsCommand: Command = {
  name: "channels",
  summary: "list the channels of a journal",
  usage: "[--directory DIRECTORY]",
  description: [
    "Messages are those stored now; offsets show how many there ever were. Each priority of a",
    "channel is a log of its own, with offsets of its own. WAITING is what the slowest living",
    "group has not settled, and delayed messages, of what the channel's limits allow.",
  ],
  flags: { directory: directoryFlag },
  positionalsMax: 0,
  examples: ["spillway channels --directory ./data", "spillway channels --json"],
  async run(call) {
    const journal = { create: false } as const;
    const { channels, incarnation } = await withJournal(call, journal, async (transport) => {
      return { channels: await transport.stats(), incarnation: transport.incarnation };
    });
    const { stdout } = call.io;
    if (call.json) stdout.write(`${JSON.stringify({ incarnation, channels })}\n`);
    else if (channels.length === 0) stdout.write(`'${directoryOf(call)}' has no channels yet\n`);
    else {
      const lines = renderTable(columns, channels.flatMap(rowsOf), {
        styleHeader: stdout.style.dim,
      });
      stdout.write(`${lines.join("\n")}\n`);
    }
    return exitCodes.success;
  },
};

const columns = [
  { title: "CHANNEL" },
  { title: "PRIORITY" },
  { title: "MESSAGES", align: "right" },
  { title: "FIRST", align: "right" },
  { title: "END", align: "right" },
  { title: "SIZE", align: "right" },
  { title: "DELAYED", align: "right" },
  { title: "WAITING", align: "right" },
  { title: "PARTITIONS", align: "right" },
  { title: "GROUPS", align: "right" },
] as const;

function rowsOf(stats: ChannelStats): readonly (readonly string[])[] {
  const shared = [
    formatCount(stats.delayed),
    waitingOf(stats),
    formatCount(stats.partitions),
    formatCount(stats.groups.length),
  ];
  if (stats.logs.length === 0) return [[stats.channel, "", "0", "0", "0", "0 B", ...shared]];
  return stats.logs.map((log, index) => [
    index === 0 ? stats.channel : "",
    log.priority,
    formatCount(log.endOffset - log.startOffset),
    formatCount(log.startOffset),
    formatCount(log.endOffset),
    formatBytes(log.bytes),
    ...(index === 0 ? shared : []),
  ]);
}

/** What waits, of what the channel's limits allow; "-" where it has none. */
function waitingOf({ limits, waiting }: ChannelStats): string {
  if (limits === undefined || waiting === undefined) return "-";
  const { depthMax, bytesMax } = limits;
  return [
    ...(depthMax === undefined ? [] : [`${formatCount(waiting.depth)}/${formatCount(depthMax)}`]),
    ...(bytesMax === undefined ? [] : [`${formatBytes(waiting.bytes)}/${formatBytes(bytesMax)}`]),
  ].join(" ");
}
