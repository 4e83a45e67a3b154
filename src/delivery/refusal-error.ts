// What handlers are told whose call is void, because the unit before theirs was refused. Owns
// wording only.
import { LeaseLostError, SpillwayError } from "../errors/spillway-error.ts";
import type { Refusal } from "./delivery-parts.ts";

/** What signals say to handlers whose call is void, because units before theirs were refused. */
export function refusalError(refusal: Refusal): SpillwayError {
  if (refusal === "fenced") {
    return new LeaseLostError("keys were taken over by another consumer; this call is void");
  }
  if (refusal === "reused") {
    const message =
      "another call published an id for other content; this call is void and repeated";
    return new SpillwayError("TRANSPORT_FAILED", message);
  }
  return refusal === "conflict"
    ? new SpillwayError("STATE_CONFLICT", "state changed meanwhile; this call is void and repeated")
    : new SpillwayError("TRANSPORT_FAILED", "a commit failed; this call is void and repeated");
}
