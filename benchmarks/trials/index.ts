// The trials by name.
import { commitLatencyTrial } from "./commit-latency.ts";
import { everythingOnTrial } from "./everything-on.ts";
import { exceptionalTrial } from "./exceptional.ts";
import { outageTrial } from "./outage.ts";
import { overloadTrial } from "./overload.ts";
import { poisonTrial } from "./poison.ts";
import { requestReplyTrial } from "./request-reply.ts";
import { restartTrial } from "./restart.ts";
import { sharedRateTrial } from "./shared-rate.ts";
import { spaceTrial } from "./space.ts";
import type { Trial } from "./trial.ts";

export const trials: Readonly<Record<string, Trial>> = {
  "commit-latency": commitLatencyTrial,
  "everything-on": everythingOnTrial,
  exceptional: exceptionalTrial,
  outage: outageTrial,
  overload: overloadTrial,
  poison: poisonTrial,
  "request-reply": requestReplyTrial,
  restart: restartTrial,
  "shared-rate": sharedRateTrial,
  space: spaceTrial,
};
