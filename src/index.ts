// The public names of `spillway`, one by one. Nothing else is public.
export type { AggregateHandler, AggregateOptions, Aggregation } from "./bus/aggregation.ts";
export type {
  BatchHandlerOf,
  BatchOptions,
  SubscribeBatchOptions,
} from "./bus/batch-subscription.ts";
export type { Bus, BusHealth } from "./bus/bus.ts";
export type { BusOptions, ShutdownSignal } from "./bus/bus-options.ts";
export type { BusStats, ChannelStatistics, GroupStatistics } from "./bus/bus-stats.ts";
export type { AnyChannel } from "./bus/channel-registry.ts";
export type { CommandCalls } from "./bus/command-calls.ts";
export type {
  CommandHandler,
  HandleOptions,
  HandleResult,
  RepliesOptions,
  ReplyHandler,
} from "./bus/command-handler.ts";
export type { StateReadOptions, StateTableView, StateView } from "./bus/committed-state.ts";
export { createBus } from "./bus/create-bus.ts";
export type { ContextOf, HandlerOf, HandlerResult } from "./bus/subscription-handler.ts";
export type { Delivery } from "./bus/held-delivery.ts";
export {
  type Middleware,
  onConsume,
  onPublish,
  type PublishMiddleware,
} from "./bus/middleware.ts";
export type { PublishManyOptions, PublishOptions } from "./bus/publish-options.ts";
export type {
  EndPosition,
  ReadEnvelopesOptions,
  ReadOptions,
  StoredEnvelope,
  UnreadableMessage,
} from "./bus/read-messages.ts";
export type { Receipt } from "./bus/receipt.ts";
export type { Selectable } from "./bus/selection.ts";
export type { BulkheadOption, ErrorOptions } from "./bus/error-options.ts";
export type {
  CommonSubscribeOptions,
  MessagesOptions,
  RetryOptions,
  SubscribeOptions,
} from "./bus/subscribe-options.ts";
export type {
  DelayedOptions,
  DelayedReference,
  ScheduleOptions,
  SchedulingCalls,
} from "./bus/scheduling-calls.ts";
export type { RunningSchedule } from "./bus/running-schedule.ts";
export type { Subscription } from "./bus/subscription.ts";
export {
  type Channel,
  type ChannelLimits,
  type ChannelOptions,
  type ChannelOverflow,
  type ChannelRetention,
  defineChannel,
} from "./contracts/channel.ts";
export {
  type AnyCommand,
  type CommandContract,
  type CommandOptions,
  defineCommand,
  type Reply,
  type ReplyMakers,
  type ReplyOf,
  type ReplySchemas,
} from "./contracts/command.ts";
export type {
  AnyContract,
  AnyMessage,
  Classification,
  Contract,
  Message,
  MessageOf,
  MessageOptions,
  OutgoingMessage,
  Upcast,
} from "./contracts/contract.ts";
export { defineEvent, type EventContract, type EventOptions } from "./contracts/event.ts";
export type {
  DeepReadonly,
  InputOf,
  OutputOf,
  StandardIssue,
  StandardResult,
  StandardSchema,
} from "./contracts/standard-schema.ts";
export { upcastFrom } from "./contracts/upcasting.ts";
export type {
  ConsumeMiddleware,
  HandlerContext,
  HandlerLog,
  LogFields,
  StateSchemas,
  StateTable,
  StateTables,
} from "./delivery/handler-context.ts";
export type { HeldMessage, ReleaseFilter } from "./delivery/held-messages.ts";
export type { SequenceStanding } from "./delivery/sequences/key-position.ts";
export {
  type OutOfSequenceAction,
  type Resequence,
  resequence,
  type ResequenceOptions,
  type SequenceRules,
} from "./delivery/sequences/sequence-rules.ts";
export type { FallbackHandler } from "./delivery/failure-rules.ts";
export {
  type Certainty,
  type ErrorCode,
  type ErrorCodeEntry,
  errorCodes,
} from "./errors/error-codes.ts";
export { Reject, RetryLater } from "./errors/handler-outcomes.ts";
export {
  BackPressureError,
  ClosedError,
  LeaseLostError,
  SpillwayError,
  type SpillwayErrorOptions,
  UnsupportedError,
  ValidationError,
  type ValidationIssue,
} from "./errors/spillway-error.ts";
export type {
  ExplainedMessage,
  Explanation,
  MessageReference,
  Reason,
} from "./flow/explain/explanation.ts";
export {
  type CoalesceOptions,
  type DebounceOptions,
  type FairnessOptions,
  flowControl,
  type FlowControl,
  type FlowOptions,
  type PriorityAgeingOptions,
} from "./flow/flow-control.ts";
export type { FlowMessage } from "./flow/flow-message.ts";
export {
  type RateBy,
  rateLimit,
  type RateLimit,
  type RateLimitOptions,
} from "./flow/rate-limit.ts";
export type { PoolScaling } from "./flow/scaling/pool-scaler.ts";
export type { ScalingDecision, ScalingReason } from "./flow/scaling/scaling-decision.ts";
export type { ScalingPool, ScalingSnapshot } from "./flow/scaling/scaling-snapshot.ts";
export type {
  ScaledConcurrency,
  ScalingMode,
  ScalingSettings,
} from "./flow/scaling/scaling-options.ts";
export type { Flow, FlowSettings } from "./flow/subscription-flow.ts";
export type { Clock } from "./kernel/clock.ts";
export type { Random } from "./kernel/random.ts";
export { type Codec, jsonCodec } from "./message/codec.ts";
export type { Envelope, MessageAttributes, MessageTemplate, Priority } from "./message/envelope.ts";
export type { Capabilities, Capability, Support } from "./ports/capabilities.ts";
export type { CancelOutcome, DelayedMessage, DelayedPage } from "./ports/delayed.ts";
export type { Gap, GapReason } from "./ports/gap.ts";
export type { Limits, LogStats, StartPosition, Transport, Waiting } from "./ports/transport.ts";
export type {
  CatchUp,
  Firing,
  FiringHandler,
  FiringResult,
  ScheduleRules,
} from "./scheduling/schedule-rules.ts";
export type {
  DataOf,
  ExpiredOutcome,
  FailedOutcome,
  OutcomeOf,
  ReceivedReplyOf,
  ReplyOutcomeOf,
  TimeoutOutcome,
  UnhandledOutcome,
} from "./requests/outcome.ts";
export type {
  AggregatedOf,
  AggregateEnd,
  AggregatePartOf,
  AggregateRules,
  MissingPart,
} from "./requests/aggregate-outcome.ts";
export type { ReplyOptions, ReplyStrategy } from "./requests/reply-address.ts";
export type { RequestStats } from "./requests/request-counters.ts";
export type { RequestOptions } from "./requests/request-options.ts";
export type {
  CommandOf,
  GatheredOf,
  GatherOptions,
  PartOf,
  ReplyNameOf,
  ScatteredOf,
  ScatterEnd,
  ScatterOptions,
} from "./requests/scatter-outcome.ts";
export {
  deadLetter,
  discard,
  type EndAction,
  type ErrorAction,
  fallback,
  type FallbackAction,
  type FallbackStep,
  park,
  pause,
  type PauseAction,
  type PauseOptions,
  retry,
  type RetryAction,
  type RetryBounds,
  type RetryStep,
} from "./recovery/actions.ts";
export type { BatchItem } from "./recovery/batch-handler.ts";
export {
  type Bulkhead,
  bulkhead,
  type BulkheadOptions,
  type BulkheadStatus,
} from "./recovery/bulkhead.ts";
export type { CircuitStatus } from "./recovery/circuit.ts";
export type { CircuitOfRule } from "./recovery/policy-rules.ts";
export { type ErrorPolicy, errorPolicy } from "./recovery/error-policy.ts";
export {
  type CodeMatcher,
  type ErrorClass,
  type ErrorMatcher,
  otherwise,
  type OtherwiseRule,
  when,
  type WhenRule,
} from "./recovery/matching.ts";
export {
  exponential,
  type ExponentialOptions,
  immediate,
  linear,
  type LinearOptions,
  type RetrySchedule,
} from "./recovery/schedules.ts";
export type {
  CircuitDiagnostics,
  LogDiagnostics,
  ReplyDiagnostics,
  SequenceDiagnostics,
} from "./telemetry/channels.ts";
export type { FailedAttempt } from "./delivery/attempt-log.ts";
export type { LetterEdit, NoteKind, RedriveNote } from "./delivery/redrive-note.ts";
export type { DeadLetter, LetterKind, Standing } from "./recovery/dead-letters/letter.ts";
export type { LetterFilter } from "./recovery/dead-letters/letter-filter.ts";
export type { LetterGroup, LetterGroups } from "./recovery/dead-letters/letter-groups.ts";
export type { StoredNote } from "./recovery/dead-letters/redrive-notes.ts";
export type {
  DeadLetterOptions,
  DeadLetters,
  LetterPage,
  RedriveOptions,
  RedriveOutcome,
} from "./recovery/redrive/letter-desk.ts";
export type {
  RedriveCounts,
  RedriveReport,
  RedriveRules,
  RedriveState,
} from "./recovery/redrive/redrive-job.ts";
export type { RedrivePreview } from "./recovery/redrive/redrive-preview.ts";
export type { EditRequest } from "./recovery/redrive/redrive-start.ts";
export type { Redrive, RedriveWatcher } from "./recovery/redrive/running-redrive.ts";
export {
  type WorkerContext,
  type WorkerHandler,
  workerHandler,
  type WorkerHandlerOptions,
  type WorkerResult,
} from "./workers/worker-handler.ts";
