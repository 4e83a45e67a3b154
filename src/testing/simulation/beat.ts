// The schedule of a simulated run: it fires every second, and each firing publishes when it was
// due. Owns nothing. Always true: what is reported is wrong whatever faults there were; where wall
// clocks were wrong, times are not compared with them.
import type { Bus } from "../../bus/bus.ts";
import { type Channels, Ticked } from "./contracts.ts";
import type { World } from "./world.ts";
import type { SimulatedProcess } from "./simulated-process.ts";

const everyMs = 1_000;
/** So long ago the last due time is, at the most, once everything has come to rest. */
const lateMsMax = 4_000;

/** Takes part in the schedule. */
export async function joinBeat(bus: Bus, world: World, { clock }: SimulatedProcess): Promise<void> {
  await bus.schedule("beat", { cron: "* * * * * *", catchUp: "all" }, ({ dueAtMs }) => {
    const earlyMs = dueAtMs - clock.wallMs();
    const { recorder, faults } = world;
    if (earlyMs > 0 && !faults.struck.has("jump")) {
      recorder.trouble(`the beat of ${dueAtMs} fires ${earlyMs} ms too early`);
    }
    return Ticked.message({ dueAtMs });
  });
}

/** What is wrong with the times at which it fired. */
export async function judgeBeat(
  bus: Bus,
  channels: Channels,
  wallMs: number,
  hasJumped: boolean,
): Promise<string[]> {
  const times: number[] = [];
  for await (const { data } of bus.read(channels.ticks)) times.push(data.dueAtMs);
  times.sort((left, right) => left - right);
  const found: string[] = [];
  for (const [index, timeMs] of times.entries()) {
    const before = times[index - 1];
    if (timeMs === before) found.push(`beat: ${timeMs} fired twice`);
    if (before === undefined || hasJumped || timeMs - before <= everyMs) continue;
    found.push(`beat: nothing fired between ${before} and ${timeMs}`);
  }
  if (hasJumped) return found;
  const last = times.at(-1) ?? 0;
  if (wallMs - last > lateMsMax) found.push(`beat: nothing has fired since ${last}, at ${wallMs}`);
  return found;
}
