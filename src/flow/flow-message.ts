// What a rule of flow control sees of a message: its envelope, read when asked for. The data is not
// there, because rules are asked before it is decoded.
import { StoredEnvelope } from "../delivery/stored-envelope.ts";
import type { Priority } from "../message/envelope.ts";

/** The envelope of a message that waits. */
export interface FlowMessage {
  readonly type: string;
  readonly version: number;
  readonly id: string;
  readonly source: string;
  readonly key: string | undefined;
  readonly subject: string | undefined;
  readonly tenant: string | undefined;
  readonly correlationId: string | undefined;
  readonly priority: Priority;
  /** The producer's time, wall ms. */
  readonly timeMs: number;
  readonly extensions: Readonly<Record<string, string | number | boolean>>;
}

/** A record of a stored batch as rules see it. */
export class StoredFlowMessage extends StoredEnvelope implements FlowMessage {
  get type(): string {
    return this.template.type;
  }

  get version(): number {
    return this.template.version;
  }
}
