// One part of a bench run, in a process of its own; forked by measure.ts.
import type { FromPart, PartParameters, ToPart } from "./part-protocol.ts";
import { parts } from "./parts.ts";
import { trialParts } from "./trials/trial-parts.ts";

const parameters = JSON.parse(process.argv[2] ?? "{}") as PartParameters;
// The clients of brokers are loaded only where one is asked for.
const work =
  parts[parameters.part] ??
  trialParts[parameters.part] ??
  (await import("./peers/peer-parts.ts")).peerParts[parameters.part];
if (work === undefined) throw new Error(`there is no part '${parameters.part}'`);

const say = (message: FromPart): boolean | undefined => process.send?.(message);
const gone = Promise.withResolvers<void>();
const stopped = Promise.withResolvers<void>();
process.on("message", (message: ToPart) => (message.kind === "go" ? gone : stopped).resolve());

let startCpu = process.cpuUsage();
const figures = await work({
  ...parameters,
  async go() {
    say({ kind: "ready" });
    await gone.promise;
    startCpu = process.cpuUsage();
  },
  progress: (count) => say({ kind: "progress", count }),
  stopped: stopped.promise,
});
const cpu = process.cpuUsage(startCpu);
say({ kind: "done", cpuSeconds: (cpu.user + cpu.system) / 1e6, figures: figures ?? {} });
process.disconnect?.();
