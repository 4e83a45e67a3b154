// What the demo's main process and the processes of its services tell each other. Plain data, sent
// over the channel that Node opens for a forked process.
import type { ServiceName } from "./capacity.ts";
import type { SideName } from "./side-name.ts";

/** Where a service's processes listen. */
export type Peers = Readonly<Record<ServiceName, readonly number[]>>;

/** From the main process to a service. */
export type ServiceOrder =
  | {
      readonly kind: "start";
      readonly side: SideName;
      readonly service: ServiceName;
      /** The process's own name, as in "payment-2". */
      readonly name: string;
      readonly directory: string;
      /** Where bank and carrier are. */
      readonly outsidePort: number;
      /** How many times as patient as usual everybody is; see time-outs.ts. */
      readonly patience: number;
      /** Handler calls fail and are late on purpose, drawn from this; undefined: they do not. */
      readonly chaosSeed: number | undefined;
    }
  /** No more chaos. */
  | { readonly kind: "calm" }
  /** Who listens where; sent again whenever that changes. */
  | { readonly kind: "peers"; readonly peers: Peers }
  /** Finish what is in flight, and end. */
  | { readonly kind: "drain" };

/** The order that a service starts with. */
export type StartOrder = Extract<ServiceOrder, { kind: "start" }>;

/** What a service counts, for people; the ledger uses none of it. */
export interface ServiceNumbers {
  /** Requests that wait for a slot or a connection. */
  readonly waiting: number;
  /** Calls that got no answer in time, since it started. */
  readonly timeouts: number;
  /** Calls that were made again, since it started. */
  readonly retries: number;
}

/** The same with what every process is asked. */
export interface ProcessNumbers extends ServiceNumbers {
  /** Processor time that the process has used, all its threads together. */
  readonly processorMs: number;
}

/** From a service to the main process. */
export type ServiceReport =
  /** It works; where it listens, if it is called over HTTP. */
  | { readonly kind: "ready"; readonly port?: number }
  | { readonly kind: "numbers"; readonly numbers: ProcessNumbers }
  | { readonly kind: "failed"; readonly code: string; readonly message: string };
