// What flow control may ask of a delivery. Owns nothing. Always true: a message is passed over only
// while it is ours; what is somebody else's leaves the window unsettled.
import type { DeliveryParts } from "./delivery-parts.ts";
import type { FlowHost } from "./dispatching.ts";
import type { Settler } from "./settler.ts";
import type { WindowPlace } from "./window.ts";

/** The host of one delivery; `wake`: something may start. */
export function flowHostOf(parts: DeliveryParts, settler: Settler, wake: () => void): FlowHost {
  const { environment, options, window } = parts;
  const claimsFirst = options.delivery === "at-most-once";
  const owns = ({ batch, position }: WindowPlace): boolean =>
    claimsFirst || environment.consumer.owns(batch.delivery, batch.recordAt(position));
  return {
    wake,
    mayLeave(place) {
      const { batch, position } = place;
      if (!owns(place)) return true;
      if (!batch.mayExpire) return false;
      const { expiresAtMs } = batch.stored.attributesAt(batch.recordAt(position));
      return expiresAtMs !== undefined && expiresAtMs <= environment.clock.wallMs();
    },
    passOver(place) {
      const { batch, position } = place;
      window.take(batch, position);
      if (owns(place)) {
        settler.tally.coalesced++;
        return settler.ack(batch, position, undefined);
      }
      environment.consumer.release(batch.delivery, batch.recordAt(position));
      window.done(batch, position);
    },
  };
}
