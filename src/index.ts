// The public names of `spillway`, one by one. Nothing else is public.
export type { AggregateHandler, AggregateOptions, Aggregation } from "./bus/aggregation.ts";
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
export type {
  CommonSubscribeOptions,
  MessagesOptions,
  RetryOptions,
  SubscribeOptions,
} from "./bus/subscribe-options.ts";
export type { Subscription } from "./bus/subscription.ts";
export {
  type Channel,
  type ChannelOptions,
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
export type { Clock } from "./kernel/clock.ts";
export type { Random } from "./kernel/random.ts";
export { type Codec, jsonCodec } from "./message/codec.ts";
export type { Envelope, MessageAttributes, MessageTemplate, Priority } from "./message/envelope.ts";
export type { Capabilities, Capability, Support } from "./ports/capabilities.ts";
export type { Gap, GapReason } from "./ports/gap.ts";
export type { LogStats, StartPosition, Transport } from "./ports/transport.ts";
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
export type { LogDiagnostics, ReplyDiagnostics } from "./telemetry/channels.ts";
export {
  type WorkerContext,
  type WorkerHandler,
  workerHandler,
  type WorkerHandlerOptions,
  type WorkerResult,
} from "./workers/worker-handler.ts";
