// The positions of all keys of one key slot, as they are stored: one state row of the group for
// each slot, so that what is remembered is bounded. Knows nothing of deliveries. Always true: a
// slot has at most keysPerSlotMax keys; the one that was settled longest ago is forgotten first,
// and a slot that has forgotten one says so.
import type { KeyPosition } from "./key-position.ts";

/** Keys of one slot whose position is remembered: about a million in all. */
export const keysPerSlotMax = 16;

/** Where the rows are, beside the tables of the subscription: no name that users can give. */
export const positionsTable = "~sequence";

type Entry = readonly [name: string, first: number, last: number, gaps: KeyPosition["gaps"]];

interface Slot {
  readonly forgot: boolean;
  /** The one that was settled last is the last. */
  readonly keys: readonly Entry[];
}

const empty: Slot = { forgot: false, keys: [] };

/** One text for a key of a tenant; no tenant's name contains the separator. */
export function sequenceName(tenant: string | undefined, key: string): string {
  return `${tenant ?? ""}\u001f${key}`;
}

/** The key of a name. */
export function keyIn(name: string): string {
  return name.slice(name.indexOf("\u001f") + 1);
}

/** The position of a key, and whether it may have been forgotten. */
export function positionIn(
  value: string | undefined,
  name: string,
): { readonly position: KeyPosition | undefined; readonly forgot: boolean } {
  const { forgot, keys } = parsed(value);
  const found = keys.find(([each]) => each === name);
  if (found === undefined) return { position: undefined, forgot };
  const [, first, last, gaps] = found;
  return { position: { first, last, gaps }, forgot };
}

/** The row with this position of a key. */
export function withPosition(
  value: string | undefined,
  name: string,
  { first, last, gaps }: KeyPosition,
): string {
  const { forgot, keys } = parsed(value);
  const others = keys.filter(([each]) => each !== name);
  const kept = others.slice(-(keysPerSlotMax - 1));
  const slot = {
    forgot: forgot || kept.length < others.length,
    keys: [...kept, [name, first, last, gaps]],
  };
  return JSON.stringify(slot);
}

function parsed(value: string | undefined): Slot {
  return value === undefined ? empty : (JSON.parse(value) as Slot);
}
