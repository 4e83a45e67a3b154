// What the study and the processes of a chain tell each other. Plain data.
import type { SideName, Fault } from "../study-run.ts";

/** An order on its way through the chain. */
export interface StudyOrder {
  readonly id: string;
  readonly cents: number;
  readonly note: string;
}

/** How the last service feels. */
export type Mood = "well" | Fault;

/** What a process is. */
export interface LinkPlace {
  readonly side: SideName;
  /** Its place in the chain, from 0. */
  readonly index: number;
  /** Services in the chain. */
  readonly chain: number;
  readonly directory: string;
}

/** To a process. */
export type ToLink =
  | { readonly kind: "start"; readonly place: LinkPlace }
  /** Where the next service listens: the left side. */
  | { readonly kind: "next"; readonly port: number }
  | { readonly kind: "mood"; readonly mood: Mood }
  /** Tells what it used and which orders passed, once. */
  | { readonly kind: "account" }
  | { readonly kind: "drain" };

/** An order that passed the last service, and when (ms of the epoch, with fractions). */
export type Completion = readonly [id: string, atMs: number];

/** From a process. */
export type FromLink =
  | { readonly kind: "ready"; readonly port?: number }
  | { readonly kind: "completed"; readonly completions: readonly Completion[] }
  | { readonly kind: "processor"; readonly ms: number }
  | { readonly kind: "failed"; readonly code: string; readonly message: string };

/** A service in its process. */
export interface Link {
  readonly port: number | undefined;
  /** Learns where the next one listens. */
  meet(port: number): void;
  close(): Promise<void>;
}
