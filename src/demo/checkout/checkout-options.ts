// What the checkout demo can be told. Values only.
import type { Clock } from "../../kernel/clock.ts";
import type { Random } from "../../kernel/random.ts";
import type { DemoEvent } from "../stage/demo-event.ts";
import type { ForkProcess } from "../stage/process-pool.ts";
import type { OrderSource } from "./orders/order-source.ts";
import type { SideName } from "./side-name.ts";

/** How long customers come while nobody says otherwise. */
export const secondsDefault = 40;

/** Everything that a run needs. */
export interface CheckoutOptions {
  readonly directory: string;
  readonly seconds: number;
  /** Customers a second. */
  readonly perSecond: number;
  readonly seed: number;
  /** How many times as patient as usual everybody is. */
  readonly patience: number;
  /** Orders of the user's own; undefined: drawn from the seed. */
  readonly orders: OrderSource | undefined;
  /** The sides that run. */
  readonly sides: readonly SideName[];
  readonly slow: boolean;
  readonly crash: boolean;
  readonly kills: number;
  /** Handler calls of the side on Spillway fail and are late, drawn from this; undefined: no. */
  readonly chaosSeed: number | undefined;
  readonly fork: ForkProcess;
  readonly clock: Clock;
  readonly random: Random;
  /** Fires when no more customers shall come; those who came are served nevertheless. */
  readonly signal: AbortSignal;
  readonly onEvent: (event: DemoEvent) => void;
  /** Called after the numbers of view() changed. */
  readonly onSample: () => void;
}
