// How long everybody waits for everybody, in one table: each time-out is a little longer than what
// it waits for, and all of them fit into a customer's patience. Values only.

/** Time-outs in ms. */
export interface TimeOuts {
  /** A customer, for one try. */
  readonly customer: number;
  /** A service, for the bank or the carrier: both sides. */
  readonly outside: number;
  /** The left intake, for one attempt at a service. Payment waits for the bank. */
  readonly stock: number;
  readonly payment: number;
  readonly shipping: number;
  /** The left intake, for an order with all its attempts. */
  readonly order: number;
  /** How long an order is held: longer than it is worked on, so nobody takes it over early. */
  readonly held: number;
  /** One try to take an order back; its customer has been answered by then. */
  readonly cancel: number;
  /** How long an order that is taken back is held at a time: longer than a try. */
  readonly cancelHeld: number;
  /** An order that nobody holds and whose customer has not asked again is taken back. */
  readonly abandoned: number;
}

const usual: TimeOuts = {
  customer: 5_000,
  outside: 1_500,
  stock: 1_000,
  payment: 2_000,
  shipping: 1_800,
  order: 4_000,
  held: 4_500,
  cancel: 5_000,
  cancelHeld: 7_500,
  abandoned: 10_000,
};

/** The time-outs of people who are so many times as patient as usual. */
export function timeOutsOf(patience: number): TimeOuts {
  return {
    customer: usual.customer * patience,
    outside: usual.outside * patience,
    stock: usual.stock * patience,
    payment: usual.payment * patience,
    shipping: usual.shipping * patience,
    order: usual.order * patience,
    held: usual.held * patience,
    cancel: usual.cancel * patience,
    cancelHeld: usual.cancelHeld * patience,
    abandoned: usual.abandoned * patience,
  };
}
