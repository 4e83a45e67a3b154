// Commands over HTTP, `spillway/http`: explicit names, nothing else.
export type {
  CallbackOptions,
  HttpFacadeOptions,
  HttpOutcomeOf,
  RouteOptions,
} from "./accept-options.ts";
export type { FastifyLike, FastifyPlugin } from "./fastify-adapter.ts";
export type { CallBody, HttpAnswer, HttpCall } from "./http-call.ts";
export { createHttpFacade, type HttpFacade } from "./http-facade.ts";
export {
  CallbackDue,
  type CallbackOwed,
  type CompletedOutcome,
  RequestCompleted,
  type RequestCompletion,
} from "./index-contracts.ts";
export type { NodeHandler } from "./node-adapter.ts";
