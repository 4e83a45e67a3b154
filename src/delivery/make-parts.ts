// Makes the parts of one delivery from what it is lent and told. Owns the wiring of a line's end to
// the dispatcher, nothing else.
import {
  type DeliveryEnvironment,
  deliveryLimits,
  type DeliveryOptions,
} from "./delivery-options.ts";
import type { DeliveryParts } from "./delivery-parts.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { RunScope } from "./handler-run.ts";
import { OpenMessages } from "./open-messages.ts";
import { Sequences } from "./sequences/sequences.ts";
import { StateRows } from "./state-rows.ts";
import { Window } from "./window.ts";

/** What the parts ask and tell. */
export interface PartsHost {
  /** Open messages are to be read again. */
  onReleased(): void;
  /** Whether nothing is left to be fetched. */
  isAtEnd(): boolean;
}

/** The parts of a delivery. */
export function partsOf(
  environment: DeliveryEnvironment,
  options: DeliveryOptions,
  host: PartsHost,
): DeliveryParts {
  const limits = { ...deliveryLimits, ...options.limits };
  const plain = new Dispatcher(options.order);
  const dispatcher = options.flow?.around(plain) ?? plain;
  const open = new OpenMessages({
    clock: environment.clock,
    parkedPerKeyMax: limits.parkedPerKeyMax,
    onKeyFull: options.onKeyFull ?? "dead-letter",
    onReleased: () => host.onReleased(),
    onEnded: (line) => dispatcher.putBack(line),
  });
  const { channel, group, delivery } = options;
  const hasState = delivery === "effectively-once" && environment.state !== undefined;
  const rows = hasState
    ? new StateRows(environment.state, { channel, group }, limits.stateRowsMax)
    : undefined;
  const { sequence } = options;
  const { clock } = environment;
  const lent = { open, clock, channel, group, isAtEnd: () => host.isAtEnd() };
  const sequences =
    rows === undefined || sequence === undefined
      ? undefined
      : new Sequences({ ...lent, rows, rules: sequence });
  return { environment, options, limits, window: new Window(), dispatcher, open, rows, sequences };
}

/** What all handler calls of one subscription share. */
export function runScopeOf({ environment, options, limits, rows }: DeliveryParts): RunScope {
  return {
    group: options.group,
    clock: environment.clock,
    random: environment.random,
    encoder: environment.encoder,
    schemas: options.state,
    rows,
    stateRowsMax: limits.stateRowsPerMessageMax,
    publishesMax: limits.publishesPerMessageMax,
  };
}
