// How a trial and its publisher talk: a process of its own that publishes at a steady rate, and
// says for each phase how long publishes and transactions took.
import type { Histogram } from "./trial.ts";

/** What the publisher is started with. */
export interface PublisherParameters {
  readonly directory: string;
  /** JSON bytes of one message. */
  readonly bytes: number;
  readonly messagesPerSecond: number;
  /** Bytes above which the channel's oldest messages are removed. */
  readonly retentionBytes: number;
}

/** To the publisher. */
export type ToPublisher = { readonly kind: "phase" } | { readonly kind: "stop" };

/** What happened in a phase. */
export interface PhaseFigures {
  readonly messages: number;
  readonly seconds: number;
  /** From when a publish was due to its receipt. */
  readonly publish: Histogram;
  /** Transactions of units, as SQLite saw them. */
  readonly commit: Histogram;
  /** Steps of giving space back, with their commits, and without. */
  readonly step: Histogram;
  readonly vacuum: Histogram;
  /** Largest size of the write-ahead log that was seen. */
  readonly walBytesMax: number;
  /** How often health was not ok when it was looked at, of how many looks. */
  readonly degraded: number;
  readonly looks: number;
}

/** From the publisher: it publishes; the figures of the phase that ended. */
export type FromPublisher =
  | { readonly kind: "ready" }
  | { readonly kind: "figures"; readonly figures: PhaseFigures };
