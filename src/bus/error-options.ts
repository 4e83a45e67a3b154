// The options of a subscription that say what becomes of messages whose handler failed, and their
// checks. Owns no behaviour. Always true: either the short form is given or a policy, and what a
// policy asks for can be done at the subscription's delivery level.
import {
  type DeliveryLevel,
  type DeliveryLimits,
  deliveryLimits,
} from "../delivery/delivery-options.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import { assertInteger } from "./bus-options.ts";
import { Bulkhead } from "../recovery/bulkhead.ts";
import { ErrorPolicy } from "../recovery/error-policy.ts";

/** What becomes of messages whose handler failed: `retry` alone, or a policy. */
export type ErrorOptions =
  | { readonly errors?: undefined }
  | {
      /** The rules for failed messages; takes the place of `retry`. */
      readonly errors?: ErrorPolicy;
      readonly retry?: undefined;
    };

/** Options of every subscription that bound its use of a downstream. */
export interface BulkheadOption {
  /** A bound on running handlers that it shares with other subscriptions; see bulkhead(). */
  readonly bulkhead?: Bulkhead;
}

/** Throws INVALID_ARGUMENT unless it was made by bulkhead(). */
export function assertBulkhead(bulkhead: Bulkhead | undefined): void {
  if (bulkhead === undefined || bulkhead instanceof Bulkhead) return;
  throw invalid(`bulkhead is ${String(bulkhead)}: give what bulkhead(name, { … }) made`);
}

/** Actions after which the message is still there. */
const keeping: ReadonlySet<string> = new Set(["retry", "pause", "park"]);

/** Throws INVALID_ARGUMENT where the policy cannot be used as it is given. */
export function assertErrorOptions(
  options: { readonly errors?: ErrorPolicy | undefined; readonly retry?: unknown },
  delivery: DeliveryLevel,
): void {
  const { errors, retry } = options;
  if (errors === undefined) return;
  if (!(errors instanceof ErrorPolicy)) {
    throw invalid(`errors is ${String(errors)}: give what errorPolicy(…) made`);
  }
  if (retry !== undefined) {
    throw invalid("retry and errors are both given: put the retry into the policy");
  }
  if (delivery !== "at-most-once") return;
  const kept = errors.actions.find(({ kind }) => keeping.has(kind));
  if (kept === undefined) return;
  throw invalid(
    `errors: '${kept.kind}' keeps a message, and delivery "at-most-once" acknowledges it before ` +
      "its handler runs: use deadLetter, discard or fallback, or another delivery",
  );
}

/** The bound of parked messages as delivery takes it; throws INVALID_ARGUMENT out of range. */
export function parkedLimit(parkedPerKeyMax: number | undefined): Partial<DeliveryLimits> {
  if (parkedPerKeyMax === undefined) return {};
  assertInteger("parkedPerKeyMax", parkedPerKeyMax, 1, deliveryLimits.openMax);
  return { parkedPerKeyMax };
}

function invalid(message: string): SpillwayError {
  return new SpillwayError("INVALID_ARGUMENT", message);
}
