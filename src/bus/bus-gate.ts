// What a bus may be asked for now: open, draining or closed, inside a handler or outside. Owns the
// phase, does nothing. Always true: what would escape a handler's commit unit unnoticed is refused.
import type { AsyncLocalStorage } from "node:async_hooks";
import type { AnyCommand } from "../contracts/command.ts";
import type { AnyContract } from "../contracts/contract.ts";
import type { HandlerScope } from "../delivery/delivery-options.ts";
import { ClosedError, SpillwayError } from "../errors/spillway-error.ts";
import type { RequestOptions } from "../requests/request-options.ts";
import type { PublishManyOptions } from "./publish-options.ts";

/** "draining": only handlers that still run may publish and ask. */
export type Phase = "open" | "draining" | "closed";

/** The gate of one bus. */
export class BusGate {
  phase: Phase = "open";
  readonly #name: string;
  readonly #insideHandler: AsyncLocalStorage<HandlerScope>;

  constructor(name: string, insideHandler: AsyncLocalStorage<HandlerScope>) {
    this.#name = name;
    this.#insideHandler = insideHandler;
  }

  /** Throws CLOSED unless the bus is open. */
  assertOpen(call: string): void {
    if (this.phase === "open") return;
    throw new ClosedError(`${call}: bus '${this.#name}' is closed`);
  }

  /** Throws unless this may be published, or sent, here and now. */
  assertMayPublish(
    contract: AnyContract,
    options: PublishManyOptions | undefined,
    call: "publish" | "send",
  ): void {
    const scope = this.#insideHandler.getStore();
    if (this.phase !== "open" && (this.phase === "closed" || scope === undefined)) {
      const done = call === "publish" ? "published" : "sent";
      throw new ClosedError(`'${contract?.type}' was not ${done}: bus '${this.#name}' is closed`);
    }
    if (contract?.kind !== kinds[call].kind) {
      const { wanted } = kinds[call];
      throw new SpillwayError(
        "INVALID_ARGUMENT",
        `${call} takes ${wanted}, not ${describe(contract)}`,
      );
    }
    if (scope === undefined || options?.detached === true) return;
    throw new SpillwayError(
      "PUBLISH_INSIDE_HANDLER",
      `'${contract.type}' was published inside a handler of group '${scope.group}' on ` +
        `'${scope.channel}', where it would escape the commit unit: return the message, use ` +
        "context.publish, or pass { detached: true }",
      { details: { type: contract.type, ...scope } },
    );
  }

  /** Throws unless this may be requested here and now. */
  assertMayRequest(command: AnyCommand, options: Pick<RequestOptions, "id"> | undefined): void {
    assertCommand("request", command);
    const scope = this.#insideHandler.getStore();
    if (this.phase === "closed" || scope === undefined) this.assertOpen("request");
    if (scope === undefined || options?.id !== undefined) return;
    throw new SpillwayError(
      "REQUEST_INSIDE_HANDLER",
      `'${command.type}' was requested inside a handler of group '${scope.group}' on ` +
        `'${scope.channel}' without an id: a repeated handler would ask another question; give ` +
        "{ id: `${context.idempotencyKey}.something` }",
      { details: { type: command.type, ...scope } },
    );
  }
}

const kinds = {
  publish: { kind: "event", wanted: "the contract of an event, made by defineEvent()" },
  send: { kind: "command", wanted: "a command, made by defineCommand()" },
} as const;

/** Throws INVALID_ARGUMENT for anything but a command. */
export function assertCommand(call: string, value: AnyCommand): void {
  if (value?.kind === "command") return;
  throw new SpillwayError(
    "INVALID_ARGUMENT",
    `${call} takes ${kinds.send.wanted}, not ${describe(value)}`,
  );
}

function describe(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  const { kind, type, name } = value as { kind?: unknown; type?: unknown; name?: unknown };
  if (kind === "command") return `the command '${String(type)}'`;
  if (kind === "event") return `the event '${String(type)}'`;
  return kind === "channel" ? `the channel '${String(name)}'` : "an object";
}
