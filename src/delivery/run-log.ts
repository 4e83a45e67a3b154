// context.log: what a handler says goes to the diagnostics channel `spillway:log`, bound to the
// delivery it is about. Writes nowhere itself and knows nothing of settlement: it works also after
// the handler has settled. Always true: without subscribers nothing is built or read.
import type { AnyMessage } from "../contracts/contract.ts";
import { diagnostics, type LogDiagnostics } from "../telemetry/channels.ts";
import type { HandlerLog, LogFields } from "./handler-context.ts";

/** The handler call that a log speaks for. */
export interface LoggedCall {
  readonly message: AnyMessage;
  readonly attempt: number;
}

/** The log of one handler call. */
export class RunLog implements HandlerLog {
  readonly #call: LoggedCall;
  readonly #group: string;

  constructor(call: LoggedCall, group: string) {
    this.#call = call;
    this.#group = group;
  }

  debug(text: string, fields?: LogFields): void {
    if (diagnostics.log.hasSubscribers) this.#publish("debug", text, fields);
  }

  info(text: string, fields?: LogFields): void {
    if (diagnostics.log.hasSubscribers) this.#publish("info", text, fields);
  }

  warn(text: string, fields?: LogFields): void {
    if (diagnostics.log.hasSubscribers) this.#publish("warn", text, fields);
  }

  error(text: string, fields?: LogFields): void {
    if (diagnostics.log.hasSubscribers) this.#publish("error", text, fields);
  }

  #publish(level: LogDiagnostics["level"], text: string, fields: LogFields = {}): void {
    const { message, attempt } = this.#call;
    const { channel, type, id, correlationId } = message;
    const bound = { channel, group: this.#group, type, id, attempt, correlationId };
    diagnostics.log.publish({ level, text, fields, ...bound } satisfies LogDiagnostics);
  }
}
