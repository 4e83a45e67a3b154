// Exceptional messages: retried once (default schedule), held and released (park), or delayed. How
// throughput falls with their share, with many keys and with few; and how many other messages each
// exceptional one makes wait behind its key, which is what few keys multiply.
import { measureFsync, ratioOf, type Side } from "../measure.ts";
import { found, runSides, sideFigures } from "./side-trial.ts";
import { type Bound, diskFigures, rounded, type Trial, type TrialReport } from "./trial.ts";

const messagesDefault = 200_000;
const handlerMicroseconds = 20;
const keysOf = { manyKeys: 100_000, fewKeys: 1_000 } as const;
/** Share of exceptional messages → smallest ratio to healthy, with many keys. */
const shares = [
  { name: "1pct", share: 0.01, ratioMin: 0.85 },
  { name: "5pct", share: 0.05, ratioMin: undefined },
  { name: "20pct", share: 0.2, ratioMin: 0.5 },
] as const;
/** Each kind with what it is held against. */
const kinds = [
  { name: "retried", part: "consumeRetried", fill: "fillLoad", healthy: "healthy" },
  { name: "held", part: "consumeHeld", fill: "fillLoad", healthy: "healthy" },
  { name: "delayed", part: "flowDelayed", fill: undefined, healthy: "undelayed" },
] as const;

export const exceptionalTrial: Trial = {
  description: "1, 5 and 20 % of messages are retried, held or delayed; 100,000 and 1,000 keys",
  baseline: "the same messages with 20 µs handlers, none of which fails or is delayed",
  async run({ messages = messagesDefault, ...options }): Promise<TrialReport> {
    const fsync = measureFsync();
    const samples = await runSides(sides(), messages, options);
    const of = (name: string) => samples[name] ?? [];
    const figures: Record<string, number> = {};
    const bounds: Bound[] = [];
    for (const keys of Object.keys(keysOf)) {
      for (const name of ["healthy", "undelayed"]) {
        Object.assign(figures, sideFigures(`${name}-${keys}`, of(`${name}-${keys}`)));
      }
      for (const kind of kinds) {
        for (const { name, ratioMin } of shares) {
          const side = `${kind.name}-${name}-${keys}`;
          const ratio = ratioOf(of(side), of(`${kind.healthy}-${keys}`));
          figures[`${side}-ratio`] = rounded(ratio, 3);
          if (kind.name === "retried") figures[`${side}-waiting`] = waitingPerRetry(of(side));
          if (ratioMin === undefined || keys !== "manyKeys") continue;
          bounds.push({ name: `${side}, throughput over healthy`, value: ratio, min: ratioMin });
        }
      }
    }
    return { figures: { ...figures, ...diskFigures(fsync) }, bounds, distributions: [] };
  },
};

/** Times that a message was set down behind a failed one of its key, for each that failed. */
function waitingPerRetry(samples: Parameters<typeof found>[0]): number {
  return rounded(found(samples, "parked") / found(samples, "retried"), 2);
}

function sides(): Readonly<Record<string, Side>> {
  const all: Record<string, Side> = {};
  for (const [name, keys] of Object.entries(keysOf)) {
    const load = { keys, markedShare: 0, handlerMicroseconds };
    all[`healthy-${name}`] = { fill: "fillLoad", part: "consumeLoad", load };
    all[`undelayed-${name}`] = { part: "flowNow", load };
    for (const { name: kind, part, fill } of kinds) {
      for (const { name: shareName, share } of shares) {
        const side: Side = { part, load: { ...load, markedShare: share } };
        all[`${kind}-${shareName}-${name}`] = fill === undefined ? side : { ...side, fill };
      }
    }
  }
  return all;
}
