// What both sides have, to the last connection: processes, slots, connections, service times. One
// table, so that neither side can have more than the other. Values only.

/** The services of the shop, in the order in which an order passes them. */
export const serviceNames = ["intake", "stock", "payment", "shipping"] as const;

/** The name of a service. */
export type ServiceName = (typeof serviceNames)[number];

/** What one service has. */
export interface ServiceCapacity {
  /** Processes. */
  readonly workers: number;
  /** Orders that one process works on at a time. */
  readonly slots: number;
  /** Connections from one process to each server that it calls. */
  readonly connectionsMax: number;
}

/** Per service; the same on both sides. */
export const capacityOf: Readonly<Record<ServiceName, ServiceCapacity>> = {
  intake: { workers: 2, slots: 256, connectionsMax: 64 },
  stock: { workers: 1, slots: 16, connectionsMax: 16 },
  payment: { workers: 2, slots: 8, connectionsMax: 8 },
  shipping: { workers: 1, slots: 16, connectionsMax: 16 },
};

/**
 * Requests that may wait for a slot of a process, per slot: two turns, which a caller's time-out
 * outlasts even while the bank is slow. More would wait in vain.
 */
export const waitingPerSlot = 2;

/** How long work is tried again that must be done in the end: the same on both sides. */
export const patientRetry = { attempts: 1_000, initialMs: 100, maxMs: 2_000 } as const;

/** How long those outside take, in ms; each call takes between half and one and a half of it. */
export const serviceTimeMs = { bank: 40, carrier: 10 } as const;
/** How much slower the bank is while it is slow. */
export const slowFactor = 10;
/** How patient customers are: the same customers on both sides. */
export const customerPatience = {
  tries: 2,
  /** Between two tries, at most. */
  pauseMs: 500,
  /** Customers of one side that wait for an answer; whoever comes then is not heard. */
  waitingMax: 4_000,
} as const;

/** Orders a second while nobody says otherwise: a quarter of what the payment service can do. */
export const perSecondDefault = 100;
