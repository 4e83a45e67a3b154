// Looks at a damaged journal through the transport port: is everything that it gives what was
// stored, and does it say so where something is not? Returns violations as text.
import { isDeepStrictEqual } from "node:util";
import { embedded } from "../../../src/adapters/embedded/index.ts";
import { SpillwayError } from "../../../src/errors/spillway-error.ts";
import { seededRandom } from "../../../src/kernel/random.ts";
import { envelopeAt, type Priority } from "../../../src/message/envelope.ts";
import { isGap } from "../../../src/ports/gap.ts";
import type { Transport } from "../../../src/ports/transport.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";
import { describeJournal, type JournalDescription } from "../../golden/describe-journal.ts";
import { writtenAtMs } from "../../golden/write-journal.ts";

/** How a fault ended. */
export interface DamageVerdict {
  /** "exact": everything is there. "reported": it said that something is not. */
  readonly kind: "exact" | "degraded" | "reported";
  readonly violations: readonly string[];
}

/** Codes by which damage may be reported. */
const reporting = ["JOURNAL_DAMAGED", "JOURNAL_FORMAT"];

/** Opens, reads and consumes everything. */
export async function lookAt(
  directory: string,
  expected: JournalDescription,
): Promise<DamageVerdict> {
  const violations: string[] = [];
  let isReported = false;
  let isDegraded = false;
  const report = (error: unknown): void => {
    if (error instanceof SpillwayError && reporting.includes(error.code)) isReported = true;
    else violations.push(`an error that does not say so: ${String(error)}`);
  };
  try {
    await readEach(directory, expected, violations, report);
    const description = await describeJournal(directory, (transport) => {
      isReported ||= transport.health().status === "failed";
      isDegraded ||= transport.health().status === "degraded";
    });
    const plain = JSON.parse(JSON.stringify(description)) as unknown;
    const isSame = isDeepStrictEqual(plain, JSON.parse(JSON.stringify(expected)));
    if (!isSame && !isReported && !isDegraded) {
      violations.push(`it says nothing, and gives something else: ${difference(plain, expected)}`);
    }
  } catch (error) {
    report(error);
  }
  const kind = isReported ? "reported" : isDegraded ? "degraded" : "exact";
  return { kind, violations };
}

/** Every message that is given must be the one that was stored there, however damaged it all is. */
async function readEach(
  directory: string,
  expected: JournalDescription,
  violations: string[],
  report: (error: unknown) => void,
): Promise<void> {
  const clock = new VirtualClock({ wallMs: writtenAtMs + 10_000 });
  const transport = embedded({ directory, engine: "direct" });
  await transport.open({ clock, random: seededRandom(5), name: "damage" });
  try {
    for (const [log, messages] of Object.entries(expected.messages)) {
      const stored = new Map(messages.map((message) => [message.offset, message.envelope.id]));
      await readLog(transport, log, stored, violations).catch(report);
    }
  } finally {
    await transport.close();
  }
}

async function readLog(
  transport: Transport,
  log: string,
  stored: ReadonlyMap<number, string>,
  violations: string[],
): Promise<void> {
  const [channel = "", priority] = log.split("/");
  const options = { from: "earliest", priority: priority as Priority } as const;
  for await (const batch of transport.read(channel, options)) {
    if (isGap(batch)) continue;
    for (let index = 0; index < batch.count; index++) {
      const offset = batch.offsetAt(index);
      const { id } = envelopeAt(batch, index);
      if (stored.get(offset) === id) continue;
      violations.push(`${log} gives ${id} at ${offset}, stored was ${stored.get(offset)}`);
    }
  }
}

/** The first part in which two descriptions differ. */
function difference(found: unknown, expected: unknown): string {
  const [one, other] = [found, expected] as Record<string, unknown>[];
  for (const name of Object.keys(other ?? {})) {
    const [left, right] = [JSON.stringify(one?.[name]), JSON.stringify(other?.[name])];
    if (left === right) continue;
    let at = 0;
    while (left?.[at] === right?.[at]) at++;
    const from = Math.max(0, at - 60);
    return `${name}: …${left?.slice(from, at + 60)}… and not …${right?.slice(from, at + 60)}…`;
  }
  return "nothing that can be named";
}
