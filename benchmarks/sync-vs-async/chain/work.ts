// What every service does with an order, the same on both sides: it takes a while, as a call of a
// database or of a partner does. In the last service something may be wrong with it.
import { delay, systemClock } from "../../../src/kernel/clock.ts";
import { systemRandom } from "../../../src/kernel/random.ts";
import { capacity } from "../study-run.ts";
import type { Mood } from "./link-protocol.ts";

/** It did not work this time. */
export class WorkFailed extends Error {}

/** The work of one service. */
export class Work {
  mood: Mood = "well";

  /** Rejects with WorkFailed, at once or after the time it took. */
  async run(): Promise<void> {
    const { serviceMs, slowFactor, failingShare } = capacity;
    if (this.mood === "dead") throw new WorkFailed("the connection was refused");
    const factor = this.mood === "slow" ? slowFactor : 1;
    await delay(systemClock, serviceMs * factor * (0.5 + systemRandom.float()));
    if (this.mood === "failing" && systemRandom.float() < failingShare) {
      throw new WorkFailed("an answer of 500");
    }
  }
}
