// The trials by name.
import { commitLatencyTrial } from "./commit-latency.ts";
import { overloadTrial } from "./overload.ts";
import { requestReplyTrial } from "./request-reply.ts";
import { restartTrial } from "./restart.ts";
import { spaceTrial } from "./space.ts";
import type { Trial } from "./trial.ts";

export const trials: Readonly<Record<string, Trial>> = {
  "commit-latency": commitLatencyTrial,
  overload: overloadTrial,
  "request-reply": requestReplyTrial,
  restart: restartTrial,
  space: spaceTrial,
};
