// A message on the shelf, with what the rules say of it, and how it comes there.
import type { WindowPlace } from "../delivery/window.ts";
import type { Bucket } from "./token-bucket.ts";

/** A message on the shelf. */
export interface Waiting extends WindowPlace {
  readonly lane: number;
  readonly offset: number;
  readonly key: string | undefined;
  tenant: string | undefined;
  /** When it was stored, wall ms. */
  readonly storedAtMs: number;
  /** For each rate the value of its bucket; undefined: it counts for nobody. */
  values: readonly BucketValue[] | undefined;
  /** The tokens that it took, until its handler starts. */
  taken: readonly TakenToken[] | undefined;
  /** It stepped back behind another one of its key, and is on the shelf no more. */
  isRetracted: boolean;
  /** It had a token in sight and is first again where it has not started. */
  wasReleased: boolean;
}

/** A token, with the bucket that it is of. */
export interface TakenToken {
  readonly bucket: Bucket;
  readonly token: number;
}

/** Which bucket of a rate a message needs; undefined: none. */
export type BucketValue = { readonly value: string | undefined } | undefined;

/** A message that comes onto the shelf. */
export function waitingAt({ batch, position }: WindowPlace): Waiting {
  const { stored, lane } = batch;
  const record = batch.recordAt(position);
  return {
    batch,
    position,
    lane,
    offset: stored.offsetAt(record),
    key: stored.keyAt(record),
    tenant: undefined,
    storedAtMs: stored.appendedAtMs,
    values: undefined,
    taken: undefined,
    wasReleased: false,
    isRetracted: false,
  };
}
