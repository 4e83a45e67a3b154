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
import { StateRows } from "./state-rows.ts";
import { Window } from "./window.ts";

/** The parts; `onReleased`: open messages are to be read again. */
export function partsOf(
  environment: DeliveryEnvironment,
  options: DeliveryOptions,
  onReleased: () => void,
): DeliveryParts {
  const limits = { ...deliveryLimits, ...options.limits };
  const plain = new Dispatcher(options.order);
  const dispatcher = options.flow?.around(plain) ?? plain;
  const open = new OpenMessages({
    clock: environment.clock,
    parkedPerKeyMax: limits.parkedPerKeyMax,
    onKeyFull: options.onKeyFull ?? "dead-letter",
    onReleased,
    onEnded: (line) => dispatcher.putBack(line),
  });
  const { channel, group, delivery } = options;
  const hasState = delivery === "effectively-once" && environment.state !== undefined;
  const rows = hasState
    ? new StateRows(environment.state, { channel, group }, limits.stateRowsMax)
    : undefined;
  return { environment, options, limits, window: new Window(), dispatcher, open, rows };
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
