// Everything on: the inbox (effectively once), an error policy with a circuit, flow control (rate,
// fairness between tenants, ageing priority), telemetry (every diagnostics channel heard, traces
// continued, numbers asked for each second). Together with a handler that works for 20 µs, as in
// the trials of failures, and with one that does nothing; each alone too, with the latter, which
// shows where the time goes. The bound holds for both handlers.
import { measureFsync, ratioOf } from "../measure.ts";
import { runSides, sideFigures } from "./side-trial.ts";
import { diskFigures, rounded, type Trial, type TrialReport } from "./trial.ts";

const ratioMin = 0.7;
const messagesDefault = 150_000;
const working = { keys: 100_000, markedShare: 0, handlerMicroseconds: 20 } as const;
const empty = { ...working, handlerMicroseconds: 0 } as const;
/** Orders of services that are traced and work for several tenants, and orders of others. */
const [plain, traced] = [{ fill: "fillLoad" }, { fill: "fillTraced" }] as const;

export const everythingOnTrial: Trial = {
  description: "inbox, policies, flow control and telemetry on, each alone and all together",
  baseline: "consuming the same orders with none of them, published without tenant and trace",
  async run({ messages = messagesDefault, ...options }): Promise<TrialReport> {
    const fsync = measureFsync();
    const samples = await runSides(
      {
        off: { ...plain, load: working, part: "consumeLoad" },
        everything: { ...traced, load: working, part: "consumeEverything" },
        emptyOff: { ...plain, load: empty, part: "consumeLoad" },
        emptyInbox: { ...plain, load: empty, part: "consumeInbox" },
        emptyPolicies: { ...plain, load: empty, part: "consumePolicies" },
        emptyFlowControl: { ...plain, load: empty, part: "consumeFlowControl" },
        emptyTelemetry: { ...traced, load: empty, part: "consumeTelemetry" },
        emptyEverything: { ...traced, load: empty, part: "consumeEverything" },
      },
      messages,
      options,
    );
    const figures: Record<string, number> = {};
    for (const [name, each] of Object.entries(samples)) {
      Object.assign(figures, sideFigures(name, each));
      if (name === "off" || name === "emptyOff") continue;
      const off = name.startsWith("empty") ? samples.emptyOff : samples.off;
      figures[`${name}Ratio`] = rounded(ratioOf(each, off), 3);
    }
    const name = "throughput with everything on over off";
    const ofWorking = ratioOf(samples.everything, samples.off);
    const ofEmpty = ratioOf(samples.emptyEverything, samples.emptyOff);
    return {
      figures: { ...figures, ...diskFigures(fsync) },
      bounds: [
        { name: `${name}, handlers of 20 µs`, value: ofWorking, min: ratioMin },
        { name: `${name}, empty handlers`, value: ofEmpty, min: ratioMin },
      ],
      distributions: [],
    };
  },
};
