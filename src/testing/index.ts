// The public testing kit, `spillway/testing`: explicit names, nothing else. It is for people who
// test their own services, or their own transport.
export type { CancelTimer, Clock } from "../kernel/clock.ts";
export { type Random, seededRandom } from "../kernel/random.ts";
export { type Broker, type BrokerFinding, findBroker, startBroker } from "./brokers/broker.ts";
export { type BrokerName, brokerNames } from "./brokers/broker-names.ts";
export type { BrokerOptions } from "./brokers/broker-options.ts";
export { installBroker } from "./brokers/install-broker.ts";
export type { BrokerState } from "./brokers/local-broker.ts";
export {
  type ContractCase,
  type ContractVerdict,
  runContractCase,
} from "./contract-suites/contract-case.ts";
export {
  type BrokenConsumer,
  brokenConsumers,
  type ProducedContract,
} from "./consumers/broken-consumers.ts";
export {
  type ConsumerContract,
  consumerFieldsMax,
  ConsumerReads,
  type ReadContract,
} from "./consumers/consumer-reads.ts";
export type { ContractRun } from "./contract-suites/contract-run.ts";
export type { MessageDraft, Taken, UnitDraft } from "./contract-suites/contract-words.ts";
export { transportContract } from "./contract-suites/index.ts";
export type { TransportUnderTest } from "./contract-suites/transport-under-test.ts";
export {
  type FakeContext,
  fakeContext,
  type FakeContextOptions,
  type FakeLogEntry,
  fakeRecordsMax,
} from "./fakes/fake-context.ts";
export { type FakeAttributes, fakeMessage } from "./fakes/fake-message.ts";
export type { FakeRows } from "./fakes/fake-state.ts";
export {
  type Chaos,
  chaos,
  ChaosError,
  type ChaosFault,
  type ChaosOptions,
} from "./faults/chaos.ts";
export type { FaultTransportOptions, TransportFault } from "./faults/fault-source.ts";
export { type FaultTransport, faultTransport } from "./faults/fault-transport.ts";
export { recordedMessages, recordedMessagesMax } from "./fixtures/recorded-messages.ts";
export { checkHistory, HistoryChecker, type HistoryRules } from "./history/check-history.ts";
export type {
  Calm,
  Cancelled,
  Delivered,
  Drained,
  Effect,
  GroupSubscribed,
  Handled,
  HistoryEnd,
  HistoryEvent,
  LogName,
  Mark,
  PublishFailed,
  PublishInvoke,
  PublishOk,
  ReadMessage,
  ReplayEnd,
  ReplayGap,
  ReplayRead,
  Settled,
  TailEnd,
  TailRead,
  TailStart,
} from "./history/history-event.ts";
export {
  type Violation,
  type ViolationKind,
  violationKinds,
  violationsPerKindMax,
} from "./history/violation.ts";
export type { SeenCall } from "./scenario/call-notes.ts";
export type { Expected } from "./scenario/expectation.ts";
export { type Scenario, scenario, type SettledOptions } from "./scenario/scenario.ts";
export { scenarioMessagesMax, type SeenLetter } from "./scenario/seen-messages.ts";
export { timersFiredMax, VirtualClock } from "./virtual-clock.ts";
