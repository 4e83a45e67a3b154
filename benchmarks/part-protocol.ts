// How the bench and its parts talk: each part is a process of its own, gets its parameters, warms
// up, says ready, works after go, reports progress, and ends with the CPU time it took.

/** What messages are like, where that matters: some of them are marked. */
export interface Load {
  /** Keys that the messages are spread over, at random. */
  readonly keys: number;
  /** Of all messages: the share that is marked, at random. */
  readonly markedShare: number;
  /** How long a handler keeps its processor. */
  readonly handlerMicroseconds: number;
}

/** What a part is told. */
export interface PartParameters {
  readonly part: string;
  readonly directory: string;
  /** Where the server is that the part talks to, if it talks to one: "host:port". */
  readonly address?: string | undefined;
  readonly load?: Load | undefined;
  /** JSON bytes of one message. */
  readonly bytes: number;
  /** Messages this part publishes, or all parts together consume (per group). */
  readonly messages: number;
  readonly groups: number;
  /** Un-awaited publishes at a time. */
  readonly window: number;
  /** Number of this part among those of one run, from 0. */
  readonly index: number;
}

/** From the bench to a part. */
export type ToPart = { readonly kind: "go" } | { readonly kind: "stop" };

/** From a part to the bench. */
export type FromPart =
  | { readonly kind: "ready" }
  | { readonly kind: "progress"; readonly count: number }
  | {
      readonly kind: "done";
      readonly cpuSeconds: number;
      readonly figures: Readonly<Record<string, number>>;
    };

/** What a part's work is given. */
export interface PartInput extends PartParameters {
  /** Says ready and waits for go; the measured time starts when it resolves. */
  readonly go: () => Promise<void>;
  /** Adds to the number of messages consumed. */
  readonly progress: (count: number) => void;
  /** Resolves when all parts together have consumed everything. */
  readonly stopped: Promise<void>;
}

/** The work of a part; what it found, if it looked. */
export type PartWork = (input: PartInput) => Promise<Readonly<Record<string, number>> | void>;
