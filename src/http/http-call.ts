// One HTTP request and its answer as the façade sees them, whatever the server. Types only: the
// adapters make calls of requests and responses of answers, everything else knows no server.

/** What a request carries: data that the server has parsed already, or text. */
export type CallBody =
  | { readonly type: "parsed"; readonly data: unknown }
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "too-large" };

/** A request. */
export interface HttpCall {
  readonly method: string;
  /** The path below the place where the façade is mounted, without the query, still encoded. */
  readonly path: string;
  /** Where it is mounted: stands before every address that is given out. */
  readonly mount: string;
  /** A header by its lower-case name. */
  header(name: string): string | undefined;
  /** The body; asked for once at most. */
  readBody(bytesMax: number): Promise<CallBody>;
  /** Fires when the client has gone. */
  readonly signal: AbortSignal | undefined;
}

/** An answer; `body` is sent as JSON. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}
