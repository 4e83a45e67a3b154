// The data that every scenario sends, the same for Spillway and for the bare loop beside it: an
// order of about the asked number of JSON bytes.

import type { Load } from "./part-protocol.ts";

/** Sizes a scenario can be run with, in JSON bytes. */
export const sizes = { "100B": 100, "1KB": 1_024, "100KB": 102_400 } as const;
export type SizeName = keyof typeof sizes;

/** The data of one message. */
export interface Order {
  readonly orderId: string;
  readonly customer: number;
  readonly cents: number;
  readonly currency: string;
  readonly note: string;
}

const skeletonBytes = 80;

/** Order number `index`, padded to about `bytes` bytes of JSON. */
export function makeOrder(index: number, bytes: number): Order {
  return {
    orderId: `order-${index % 1_000_000}`,
    customer: index % 10_007,
    cents: (index * 7) % 100_000,
    currency: "EUR",
    note: padding(Math.max(1, bytes - skeletonBytes)),
  };
}

/** The currency of an order that is marked: ISO 4217's "no currency". */
const markedCurrency = "XXX";

/** Order number `index` of a load: its key and its mark depend on nothing but the number. */
export function makeOrderOf(load: Load, index: number, bytes: number): Order {
  const order = makeOrder(index, bytes);
  const isMarked = spread(index, 2) < load.markedShare;
  const currency = isMarked ? markedCurrency : order.currency;
  return { ...order, orderId: `order-${Math.floor(spread(index, 1) * load.keys)}`, currency };
}

/** Whether something is to happen with the order. */
export function isMarked({ currency }: { readonly currency: string }): boolean {
  return currency === markedCurrency;
}

/** As good as a random number from 0 to 1, always the same for the same numbers. */
function spread(index: number, column: number): number {
  let mixed = Math.imul(index ^ Math.imul(column, 0x9e37_79b1), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0xc2b2_ae35);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0x27d4_eb2f);
  return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
}

const paddings = new Map<number, string>();

function padding(length: number): string {
  let text = paddings.get(length);
  if (text === undefined) {
    text = "abcdefghij".repeat(Math.ceil(length / 10)).slice(0, length);
    paddings.set(length, text);
  }
  return text;
}

/** How many messages of this size go into one batch: 1,000, or what fits 256 KiB. */
export function batchCount(bytes: number): number {
  return Math.max(1, Math.min(1_000, Math.floor(262_144 / bytes)));
}
