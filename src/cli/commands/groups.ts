// `spillway groups`: who reads a journal's channels, and how far behind each one is.
import type { ChannelStats, GroupStats } from "../../ports/transport.ts";
import { type Command, exitCodes } from "../command.ts";
import { assertChannel, directoryFlag, directoryOf, withJournal } from "../journal-access.ts";
import { formatCount, formatDuration } from "../terminal/number-format.ts";
import { renderTable } from "../terminal/table.ts";

/** The command. */
export const groupsCommand: Command = {
  name: "groups",
  summary: "list the groups that read, and how far behind they are",
  usage: "[--directory DIRECTORY] [--channel CHANNEL]",
  description: [
    "Depth is what a group has not settled, open is the part of it that failed or waits behind a",
    "failed one, lag is the age of the oldest of it. Members are counted over all processes.",
    "Expired and dropped are messages that it never handled: their time had passed, or retention",
    "removed them. Lost are messages that damage took before the group came to them.",
  ],
  flags: {
    directory: directoryFlag,
    channel: {
      type: "string",
      short: "c",
      placeholder: "CHANNEL",
      summary: "only the groups of this channel",
    },
  },
  positionalsMax: 0,
  examples: ["spillway groups --directory ./data", "spillway groups --channel orders --json"],
  async run(call) {
    const only = call.flags["channel"];
    const channels = await withJournal(call, { create: false }, async (transport) => {
      if (only !== undefined) await assertChannel(transport, String(only));
      return transport.stats();
    });
    const shown = channels.filter((stats) => only === undefined || stats.channel === only);
    const groups = shown.flatMap(groupsOf);
    const { stdout } = call.io;
    if (call.json) stdout.write(`${JSON.stringify({ groups })}\n`);
    else if (groups.length === 0) stdout.write(`'${directoryOf(call)}' has no groups yet\n`);
    else {
      const lines = renderTable(columns, groups.map(rowOf), { styleHeader: stdout.style.dim });
      stdout.write(`${lines.join("\n")}\n`);
    }
    return exitCodes.success;
  },
};

type ChannelGroup = GroupStats & { readonly channel: string };

const columns = [
  { title: "GROUP" },
  { title: "CHANNEL" },
  { title: "MEMBERS", align: "right" },
  { title: "DEPTH", align: "right" },
  { title: "OPEN", align: "right" },
  { title: "LAG", align: "right" },
  { title: "EXPIRED", align: "right" },
  { title: "DROPPED", align: "right" },
  { title: "LOST", align: "right" },
] as const;

function groupsOf(stats: ChannelStats): readonly ChannelGroup[] {
  return stats.groups.map((group) => ({ channel: stats.channel, ...group }));
}

function rowOf(group: ChannelGroup): readonly string[] {
  return [
    group.group,
    group.channel,
    formatCount(group.members),
    formatCount(group.depth),
    formatCount(group.open),
    group.depth === 0 ? "–" : formatDuration(group.lagMs),
    formatCount(group.expired),
    formatCount(group.dropped),
    formatCount(group.lost),
  ];
}
