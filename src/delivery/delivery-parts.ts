// The parts of one running subscription that intake, handling and settlement share, and the word
// for a refused unit. Shapes only.
import type { DeliveryEnvironment, DeliveryLimits, DeliveryOptions } from "./delivery-options.ts";
import type { Dispatching } from "./dispatching.ts";
import type { OpenMessages } from "./open-messages.ts";
import type { Sequences } from "./sequences/sequences.ts";
import type { StateRows } from "./state-rows.ts";
import type { Window } from "./window.ts";

/** Why uncommitted work must be done again. */
export type Refusal = "fenced" | "conflict" | "reused" | "unavailable";

/** The parts of a delivery that settling works on. */
export interface DeliveryParts {
  readonly environment: DeliveryEnvironment;
  readonly options: DeliveryOptions;
  readonly limits: DeliveryLimits;
  readonly window: Window;
  readonly dispatcher: Dispatching;
  readonly open: OpenMessages;
  readonly rows: StateRows | undefined;
  /** Undefined where the numbers of messages are not looked at. */
  readonly sequences: Sequences | undefined;
}
