// When everything is finished: nothing unread by groups that have members, no handler at work, no
// publish under way, nothing due before the time up to which was waited. Owns the waiting, in
// virtual or in real time. Always true: it comes to an end; what is unfinished then, it names.
import type { BusStats } from "../../bus/bus-stats.ts";
import type { Bus } from "../../bus/bus.ts";
import { type Clock, delay } from "../../kernel/clock.ts";
import type { Transport } from "../../ports/transport.ts";
import { VirtualClock } from "../virtual-clock.ts";

/** How often the bus is asked while real time passes. */
const pollMs = 5;

/** What the waiting looks at. */
export interface Quiet {
  readonly bus: Bus;
  readonly transport: Transport;
  readonly clock: Clock;
  /** Whether the bus takes part in a group, be it that it has to join it anew. */
  isMember(channel: string, group: string): boolean;
  /** Handler calls that have not ended. */
  callsUnderWay(): number;
  /** Told now and then; throws to give up. */
  look(): Promise<void>;
}

/** Waits; resolves to what is unfinished, one line each: nothing, where all went well. */
export async function waitForQuiet(quiet: Quiet, withinMs: number): Promise<readonly string[]> {
  const { clock } = quiet;
  const untilMs = clock.monotonicMs() + withinMs;
  const untilWallMs = clock.wallMs() + withinMs;
  let calm = 0;
  for (;;) {
    if (clock instanceof VirtualClock) await clock.settle();
    const unfinished = await unfinishedNow(quiet, untilWallMs);
    calm = unfinished.length === 0 ? calm + 1 : 0;
    // Twice in a row: between the questions of one look something may have moved on.
    if (calm === 2) return [];
    await quiet.look();
    const leftMs = untilMs - clock.monotonicMs();
    if (calm === 0 && leftMs <= 0) return unfinished;
    await passTime(clock, calm > 0 ? 0 : leftMs);
  }
}

/** Lets at most so much time pass: on a virtual clock up to its next timer. */
async function passTime(clock: Clock, mostMs: number): Promise<void> {
  if (!(clock instanceof VirtualClock)) return delay(clock, Math.min(pollMs, mostMs));
  await clock.advance(Math.min(mostMs, clock.nextTimerInMs ?? mostMs));
}

async function unfinishedNow(quiet: Quiet, untilWallMs: number): Promise<string[]> {
  const stats = await quiet.bus.stats();
  const lines = unreadIn(quiet, stats);
  if (stats.pending.count > 0) lines.push(`${stats.pending.count} publishes are under way`);
  const calls = quiet.callsUnderWay();
  if (calls > 0) lines.push(`${calls} calls of handlers have not ended`);
  for (const { channel, delayed } of stats.channels) {
    if (delayed === 0) continue;
    const [first] = (await quiet.transport.delayed(channel, { messagesMax: 1 })).messages;
    if (first === undefined || first.dueAtMs > untilWallMs) continue;
    lines.push(`channel '${channel}': message ${first.id} is due, and not visible`);
  }
  return lines;
}

function unreadIn(quiet: Quiet, stats: BusStats): string[] {
  return stats.channels.flatMap(({ channel, groups }) =>
    groups
      .filter(({ depth }) => depth > 0)
      .filter(({ members, group }) => members > 0 || quiet.isMember(channel, group))
      .map(({ group, depth, open }) => {
        const waiting = open > 0 ? `, ${open} of them failed or behind one that did` : "";
        return `group '${group}' has ${depth} unsettled messages in '${channel}'${waiting}`;
      }),
  );
}
