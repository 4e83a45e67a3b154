// `spillway explain`: why a message waits for a group, or what became of it, from what is stored.
import { priorities } from "../../message/envelope.ts";
import { explainMessage } from "../../flow/explain/explain-message.ts";
import type { Explanation, MessageReference } from "../../flow/explain/explanation.ts";
import type { Transport } from "../../ports/transport.ts";
import { type Command, type CommandCall, exitCodes } from "../command.ts";
import { assertChannel, directoryFlag, withJournal } from "../journal-access.ts";
import { UsageError } from "../usage-error.ts";

/** The command. */
export const explainCommand: Command = {
  name: "explain",
  summary: "say why a message waits, or what became of it",
  usage: "--channel CHANNEL [--offset N | --id ID | --key K] [FLAGS]",
  description: [
    "Looks for the message and says for each group, or the one that is named, where it stands:",
    "not fetched yet, behind a failed message of its key, due again at a time, delayed, settled,",
    "in the dead letters, expired. It reads what is stored. What a service holds in memory (rates,",
    "concurrency, circuits) it does not know and says so: ask subscription.explain() there.",
    "With --key it is the first message of the key that the group has not settled; without any,",
    "the oldest one of all.",
  ],
  flags: {
    directory: directoryFlag,
    channel: {
      type: "string",
      short: "c",
      placeholder: "CHANNEL",
      summary: "the channel of the message (required)",
      required: true,
    },
    group: { type: "string", short: "g", placeholder: "GROUP", summary: "only this group" },
    offset: { type: "count", placeholder: "N", summary: "the message at this offset" },
    priority: {
      type: "string",
      placeholder: "PRIORITY",
      summary: `the log that --offset counts in: ${priorities.join(", ")} (default: normal)`,
    },
    id: { type: "string", placeholder: "ID", summary: "the message with this id" },
    key: { type: "string", short: "k", placeholder: "KEY", summary: "the first one of this key" },
  },
  positionalsMax: 0,
  examples: [
    "spillway explain --channel orders --offset 1041 --group billing",
    "spillway explain -c orders --key 42 --json",
  ],
  async run(call) {
    const channel = String(call.flags["channel"]);
    const reference = referenceOf(call);
    const found = await withJournal(call, { create: false }, async (transport) => {
      await assertChannel(transport, channel);
      const explanations: Explanation[] = [];
      const members: readonly never[] = [];
      const { clock } = call.io;
      for (const group of await groupsOf(call, transport, channel)) {
        const parts = { transport, clock, channel, group, members };
        explanations.push(await explainMessage(parts, reference));
      }
      return explanations;
    });
    const { stdout } = call.io;
    if (call.json) stdout.write(`${JSON.stringify({ explanations: found })}\n`);
    else if (found.length === 0) stdout.write(`'${channel}' has no groups: nobody waits\n`);
    else stdout.write(`${found.map(({ text }) => text).join("\n")}\n`);
    return exitCodes.success;
  },
};

function referenceOf({ flags }: CommandCall): MessageReference {
  const { offset, id, key, priority } = flags;
  const given = [offset, id, key].filter((each) => each !== undefined);
  if (given.length > 1) {
    throw new UsageError("give one of --offset, --id and --key", "explain");
  }
  if (priority !== undefined && offset === undefined) {
    throw new UsageError("--priority goes with --offset", "explain");
  }
  const found = priorities.find((each) => each === (priority ?? "normal"));
  if (found === undefined) {
    const list = priorities.join(", ");
    throw new UsageError(`--priority is '${String(priority)}': give one of ${list}`, "explain");
  }
  if (id !== undefined) return { id: String(id) };
  if (key !== undefined) return { key: String(key) };
  if (offset === undefined) return { oldest: true };
  return { offset: Number(offset), priority: found };
}

async function groupsOf(
  { flags }: CommandCall,
  transport: Transport,
  channel: string,
): Promise<readonly string[]> {
  return flags["group"] === undefined ? transport.groups(channel) : [String(flags["group"])];
}
