// The public testing kit, `spillway/testing`: explicit names, nothing else. It is for people who
// test their own services, or their own transport.
export type { CancelTimer, Clock } from "../kernel/clock.ts";
export { type Random, seededRandom } from "../kernel/random.ts";
export {
  type ContractCase,
  type ContractVerdict,
  runContractCase,
} from "./contract-suites/contract-case.ts";
export type { ContractRun } from "./contract-suites/contract-run.ts";
export type { MessageDraft, Taken, UnitDraft } from "./contract-suites/contract-words.ts";
export { transportContract } from "./contract-suites/index.ts";
export type { TransportUnderTest } from "./contract-suites/transport-under-test.ts";
export { timersFiredMax, VirtualClock } from "./virtual-clock.ts";
