// Judges a simulated run that has come to rest: reads every log in full, the dead letters and the
// state, adds that to the history, and holds all of it against what was promised. Knows nothing of
// faults. Always true: a run without violations has published, delivered and settled everything as
// the settings of each group say.
import type { Bus } from "../../bus/bus.ts";
import { priorities } from "../../message/envelope.ts";
import { judgeBeat } from "./beat.ts";
import { checkHistory } from "../history/check-history.ts";
import type { Channels } from "./contracts.ts";
import {
  type Circumstances,
  GroupVerdict,
  type Letter,
  type StoredMessage,
} from "./group-verdict.ts";
import { logName, messageId, type Recorder, resultId } from "./recorder.ts";
import type { ChannelName, Scenario } from "./scenario.ts";
import type { SimulatedProcess } from "./simulated-process.ts";

/** What there is in the end. */
export interface EndState {
  readonly expired: ReadonlyMap<string, number>;
  /** What is wrong with the schedule. */
  readonly beat: readonly string[];
  readonly stored: readonly StoredMessage[];
  readonly letters: readonly Letter[];
  /** The state of each group: row → the messages whose effect it holds. */
  readonly applied: ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>;
}

/** When everything has come to rest nothing may be missing in any log, or still to be done. */
const atRest = { isDense: true, stuckMs: 1 } as const;
/** Channels that hold what is published, or follows from it. */
export const channelNames = ["orders", "notes", "results"] as const;

/** Reads everything there is, and notes it in the history. */
export async function readEnd(
  process: SimulatedProcess,
  bus: Bus,
  channels: Channels,
  scenario: Scenario,
  recorder: Recorder,
  hasJumped: boolean,
): Promise<EndState> {
  const stored: StoredMessage[] = [];
  for (const channel of channelNames) {
    for await (const message of readChannel(bus, channels, channel, recorder)) {
      stored.push(message);
    }
  }
  const letters: Letter[] = [];
  for (const channel of channelNames) {
    for await (const letter of bus.deadLetters(channels[channel])) {
      const { group, attempts, code, origin, failures } = letter;
      const listed = failures.map(({ attempt }) => attempt);
      const log = logName(origin.channel, origin.priority);
      letters.push({ group, attempts, code, log, offset: origin.offset, listed });
    }
  }
  const applied = new Map<string, ReadonlyMap<string, readonly number[]>>();
  for (const { name: group, channel, delivery } of scenario.groups) {
    if (delivery !== "effectively-once") continue;
    const rows = new Map<string, readonly number[]>();
    const scope = { channel, group };
    for await (const { key, value } of process.transport.state.entries(scope, "applied")) {
      rows.set(key, JSON.parse(value) as readonly number[]);
    }
    applied.set(group, rows);
  }
  const expired = new Map<string, number>();
  for (const { groups } of await process.transport.stats()) {
    for (const each of groups) expired.set(each.group, each.expired);
  }
  const beat = scenario.hasBeat
    ? await judgeBeat(bus, channels, process.clock.wallMs(), hasJumped)
    : [];
  return { stored, letters, applied, expired, beat };
}

async function* readChannel(
  bus: Bus,
  channels: Channels,
  channel: ChannelName,
  recorder: Recorder,
): AsyncGenerator<StoredMessage> {
  const atMs = recorder.nowMs;
  for (const priority of priorities) {
    const log = logName(channel, priority);
    let end = 0;
    for await (const message of bus.read(channels[channel], { priority })) {
      const { n, key } = message.data;
      const id = channel === "results" ? resultId(n) : messageId(n);
      const offset = message.offset;
      const value = `${n} ${key}`;
      const event = { kind: "replay", atMs, log, id, offset, value } as const;
      recorder.note({ ...event, key: channel === "notes" ? undefined : key });
      end = offset + 1;
      yield { channel, log, priority, offset, n, key, id };
    }
    recorder.note({ kind: "replay-end", atMs, log, startOffset: 0, endOffset: end });
  }
}

/** Everything that is not as it was promised. */
export function judge(
  scenario: Scenario,
  recorder: Recorder,
  end: EndState,
  circumstances: Circumstances,
): string[] {
  const violations = recorder.troubles.map((trouble) => `trouble: ${trouble}`);
  violations.push(...end.beat);
  for (const { kind, message } of checkHistory(recorder.events, atRest)) {
    violations.push(`${kind}: ${message}`);
  }
  for (const plan of scenario.groups) {
    violations.push(...new GroupVerdict(plan, scenario, recorder, end).violations(circumstances));
  }
  return violations;
}
