// What the demo's main process and its worker processes tell each other. Plain data, sent over the
// channel that Node opens for a forked process.

/** From the main process to a worker. */
export type WorkerOrder =
  | {
      readonly kind: "start";
      readonly worker: string;
      readonly directory: string;
      /** Longest time that one look-up takes; each takes a share of it. */
      readonly lookupMsMax: number;
      /** From this call on look-ups hang until "go on" comes; undefined: they never hang. */
      readonly hangFromCall: number | undefined;
    }
  | { readonly kind: "go-on" }
  /** Finish what is in flight, settle it, and end. */
  | { readonly kind: "drain" };

/** From a worker to the main process. */
export type WorkerReport =
  | { readonly kind: "ready" }
  /** Calls of the handler: ids of deliveries, with the attempt of each. */
  | { readonly kind: "called"; readonly calls: readonly (readonly [id: string, attempt: number])[] }
  /** Look-ups hang now. */
  | { readonly kind: "hanging" }
  | { readonly kind: "drained" }
  | { readonly kind: "failed"; readonly code: string; readonly message: string };
