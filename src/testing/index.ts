// The public testing kit, `spillway/testing`: explicit names, nothing else. What is exported here is
// for people who test their own services, or their own transport.
export type { CancelTimer, Clock } from "../kernel/clock.ts";
export { type Random, seededRandom } from "../kernel/random.ts";
export { timersFiredMax, VirtualClock } from "./virtual-clock.ts";
