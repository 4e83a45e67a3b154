// What a façade and its routes take, with the defaults and the checks. Owns no behaviour.
import type { Bus } from "../bus/bus.ts";
import type { AnyCommand } from "../contracts/command.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import { type Clock, systemClock } from "../kernel/clock.ts";
import type { DataOf, ExpiredOutcome, FailedOutcome, ReplyOutcomeOf } from "../requests/outcome.ts";
import type { HttpAnswer, HttpCall } from "./http-call.ts";

/** Callbacks: when there is an outcome, the address in the header `callback-url` is called. */
export interface CallbackOptions {
  /**
   * Whether this address may be called. Give a list of your partners' hosts: whoever may send a
   * request would otherwise make your service call any address that it can reach.
   */
  readonly allow: (url: URL) => boolean;
  /** How long one call may take. Default 10 s. */
  readonly timeoutMs?: number;
  /** Calls in all, with growing pauses; then the callback is a dead letter. Default 12. */
  readonly attempts?: number;
}

/** What createHttpFacade() takes. */
export interface HttpFacadeOptions {
  /** The bus that the commands are sent with; it stays yours to close, after the façade. */
  readonly bus: Bus;
  /** How long the outcome of a request can be asked for. Default one day. */
  readonly keepMs?: number;
  /** The longest that a client may wait for an outcome in one request. Default 30 s. */
  readonly waitMsMax?: number;
  /** Most clients that wait at once in this process; others are answered at once. Default 1,000. */
  readonly waitingMax?: number;
  /** Largest body of a request. Default 1 MiB. */
  readonly bodyBytesMax?: number;
  /** Without this, a request that wants a callback is refused. */
  readonly callback?: CallbackOptions;
  /** Time; replaced in tests. Default: the system's. */
  readonly clock?: Clock;
}

/** An outcome that a client can be told. */
export type HttpOutcomeOf<Command extends AnyCommand> =
  | ReplyOutcomeOf<Command>
  | FailedOutcome
  | ExpiredOutcome;

/** How one command is reached. */
export interface RouteOptions<Command extends AnyCommand> {
  /** The path that accepts it, as "/orders". */
  readonly path: string;
  /** The data of the command; checked by its schema. Default: the parsed body. */
  readonly data?: (body: unknown, call: HttpCall) => DataOf<Command>;
  /**
   * How long a client that does not say so itself waits for the outcome before it is told 202.
   * Default 0. With some seconds here and `answer`, clients of a synchronous service keep working
   * while most requests are handled fast.
   */
  readonly waitMs?: number;
  /** The response to a client whose request has this outcome. Default: 200 and the status. */
  readonly answer?: (outcome: HttpOutcomeOf<Command>) => HttpAnswer;
  /** Requests that nobody took by then are not handled any more. Default: they stay. */
  readonly expiresInMs?: number;
  /** The tenant, the subject or the like of a request. */
  readonly tenant?: (call: HttpCall) => string | undefined;
}

/** How a command is reached, whatever the command. */
export interface AnyRouteOptions extends Omit<RouteOptions<AnyCommand>, "answer"> {
  readonly answer?: (outcome: never) => HttpAnswer;
}

/** A façade's settings, complete. */
export type HttpFacadeSettings = Required<Omit<HttpFacadeOptions, "callback">> & {
  readonly callback: Required<CallbackOptions> | undefined;
};

/** The defaults that the documentation states. */
export const facadeDefaults = {
  keepMs: 86_400_000,
  waitMsMax: 30_000,
  waitingMax: 1_000,
  bodyBytesMax: 1_048_576,
  callbackTimeoutMs: 10_000,
  callbackAttempts: 12,
} as const;

/** Checks the options and fills in the defaults. Throws INVALID_ARGUMENT. */
export function facadeSettingsOf(options: HttpFacadeOptions): HttpFacadeSettings {
  if (typeof options.bus?.send !== "function") {
    throw invalid("bus is missing: give the one that the commands are sent with");
  }
  const { callback } = options;
  if (callback !== undefined && typeof callback.allow !== "function") {
    throw invalid("callback.allow is missing: give a function that says which URLs may be called");
  }
  const settings: HttpFacadeSettings = {
    bus: options.bus,
    keepMs: options.keepMs ?? facadeDefaults.keepMs,
    waitMsMax: options.waitMsMax ?? facadeDefaults.waitMsMax,
    waitingMax: options.waitingMax ?? facadeDefaults.waitingMax,
    bodyBytesMax: options.bodyBytesMax ?? facadeDefaults.bodyBytesMax,
    callback: callback && {
      allow: callback.allow,
      timeoutMs: callback.timeoutMs ?? facadeDefaults.callbackTimeoutMs,
      attempts: callback.attempts ?? facadeDefaults.callbackAttempts,
    },
    clock: options.clock ?? systemClock,
  };
  assertAbove("keepMs", settings.keepMs, 0);
  assertAbove("waitMsMax", settings.waitMsMax, -1);
  assertAbove("waitingMax", settings.waitingMax, -1);
  assertAbove("bodyBytesMax", settings.bodyBytesMax, 0);
  if (settings.callback) assertAbove("callback.timeoutMs", settings.callback.timeoutMs, 0);
  return settings;
}

/** Checks the options of a route. Throws INVALID_ARGUMENT. */
export function assertRoute(options: AnyRouteOptions): void {
  const { path, waitMs } = options;
  if (typeof path !== "string" || !/^(\/[^/?#\s:*]+)+$/.test(path)) {
    const shown = JSON.stringify(path);
    throw invalid(`path is ${shown}: give one like "/orders", without parameters or a query`);
  }
  if (waitMs !== undefined) assertAbove("waitMs", waitMs, -1);
}

function assertAbove(option: string, value: number, bound: number): void {
  if (Number.isFinite(value) && value > bound) return;
  const remedy = bound < 0 ? "a number, 0 or more" : "a number above 0";
  throw invalid(`${option} is ${String(value)}: give ${remedy}`);
}

function invalid(message: string): SpillwayError {
  return new SpillwayError("INVALID_ARGUMENT", `HTTP façade: ${message}`);
}
