// Poison: one message of a hundred can never be handled. What that costs the others, and whether
// each of them ends in the dead letters with its cause.
import { measureFsync, ratioOf } from "../measure.ts";
import { found, runSides, sideFigures } from "./side-trial.ts";
import { diskFigures, rounded, type Trial, type TrialReport } from "./trial.ts";

const ratioMin = 0.95;
const load = { keys: 10_000, markedShare: 0.01, handlerMicroseconds: 20 } as const;
const messagesDefault = 200_000;

export const poisonTrial: Trial = {
  description: "1 % of messages fail for good: 20 µs handlers, 10,000 keys, order by key",
  baseline: "the same messages, none of which fails",
  async run({ messages = messagesDefault, ...options }): Promise<TrialReport> {
    const fsync = measureFsync();
    const { healthy, poisoned } = await runSides(
      {
        healthy: { fill: "fillLoad", part: "consumeLoad", load },
        poisoned: { fill: "fillLoad", part: "consumePoison", check: "countPoison", load },
      },
      messages,
      options,
    );
    const ratio = ratioOf(poisoned, healthy);
    const missing = found(poisoned, "missing");
    const unexpected = found(poisoned, "unexpected");
    return {
      figures: {
        ...sideFigures("healthy", healthy),
        ...sideFigures("poisoned", poisoned),
        ratio: rounded(ratio, 3),
        poison: found(poisoned, "poison"),
        missing,
        unexpected,
        ...diskFigures(fsync),
      },
      bounds: [
        { name: "throughput, poison included, over healthy", value: ratio, min: ratioMin },
        { name: "poison without a dead letter that names its cause", value: missing, max: 0 },
        { name: "dead letters of anything else", value: unexpected, max: 0 },
      ],
      distributions: [],
    };
  },
};
