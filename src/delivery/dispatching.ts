// The seam behind which flow control stands: whatever decides which message of the window starts
// next. The dispatcher is one; flow control is another, around it. Shapes only.
import type { Priority } from "../message/envelope.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { WindowBatch, WindowPlace } from "./window.ts";

/** Gives out the messages of one subscription; see Dispatcher. */
export interface Dispatching {
  /** The message that next() found. */
  readonly batch: WindowBatch;
  readonly position: number;
  add(batch: WindowBatch): void;
  addUrgent(batch: WindowBatch): void;
  next(): boolean;
  free(batch: WindowBatch, position: number): void;
  hold(line: object | undefined, place: WindowPlace): void;
  putBack(line: object): void;
  restart(places: WindowPlace[]): void;
  /** The handler of a message that was given out is called. */
  started?(batch: WindowBatch, position: number): void;
  /** Why a message of the window does not start; undefined: it waits for its turn. */
  waitOf?(place: WindowPlace): StartWait | undefined;
  /** What it works with; before anything else. */
  attach?(host: FlowHost): void;
  /** Nothing is given out any more. */
  close?(): void;
}

/** Why a message of the window does not start, as far as flow control knows. */
export type StartWait =
  | { readonly kind: "coalescing"; readonly dueAtMs: number }
  | {
      readonly kind: "rate";
      /** Which of the subscription's rates; counts from 0. */
      readonly rate: number;
      readonly bucket: string | undefined;
      /** Until its bucket has a token; infinite: not known. */
      readonly inMs: number;
      /** Messages that wait for the same bucket, this one included. */
      readonly waiting: number;
    }
  | { readonly kind: "key"; readonly offset: number }
  | { readonly kind: "ready"; readonly ahead: number };

/** What flow control asks of a delivery. */
export interface FlowHost {
  /** Something may start now, or be fetched. */
  wake(): void;
  /** Whether it need not wait: it is not ours any more, or its time has passed. */
  mayLeave(place: WindowPlace): boolean;
  /** Acknowledges a message in whose place a later one is handled. */
  passOver(place: WindowPlace): void;
}

/** The flow control of one subscription, over all its deliveries. */
export interface FlowSeam {
  /** Most handlers that run at once, now. */
  readonly concurrency: number;
  /** What it cannot do as it was told, for people; empty when all is well. */
  readonly troubles: readonly string[];
  /** The log that the next fetch begins with; undefined: the transport decides. Asked once each. */
  readonly fetchFirst: Priority | undefined;
  /** Stands around the dispatcher of a new delivery. */
  around(dispatcher: Dispatcher): Dispatching;
}
