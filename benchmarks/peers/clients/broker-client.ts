// What the bench asks of a broker's client, the least that all of them have. Types only.
import type { Order } from "../../payloads.ts";

/** A connection to a broker. */
export interface BrokerClient {
  /** Makes a durable queue (or stream with a consumer) of this name. */
  declare(queue: string): Promise<void>;
  /** Resolves when the broker has confirmed that it stored the message. */
  publish(queue: string, order: Order): Promise<void>;
  /** Calls `handle` for each message and acknowledges it afterwards; returns what ends that. */
  consume(queue: string, handle: (order: Order) => Promise<void>): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** Connects to the broker at "host:port". */
export type ConnectBroker = (address: string) => Promise<BrokerClient>;

/** Messages that are on their way to a consumer at a time, at each broker. */
export const prefetch = 1_000;
