// Rows of state in a channel without messages: what all processes of a transport know together,
// changed by compare and set. Knows nothing of what they hold. Always true: of two writers that saw
// the same version of a row one is refused, and nothing of its unit exists.
import { UnsupportedError } from "../errors/spillway-error.ts";
import type { OutgoingBatch } from "../message/outgoing-batch.ts";
import type { StateChange } from "../ports/commit-unit.ts";
import type { StateScope, StateStore, StateVersion } from "../ports/state-store.ts";
import type { Consumer, Transport } from "../ports/transport.ts";

/** The rows of one group of such a channel. */
export class KeptRows {
  readonly #consumer: Consumer;
  #sequence = 0;

  private constructor(consumer: Consumer) {
    this.#consumer = consumer;
  }

  /** Makes the channel where it is missing, and joins the group. */
  static async open(transport: Transport, { channel, group }: StateScope): Promise<KeptRows> {
    const plain = { partitions: 1, compression: "none" } as const;
    await transport.declare({ ...plain, name: channel, retention: {} });
    const options = { channel, group, from: "latest", types: undefined } as const;
    return new KeptRows(await transport.consume(options));
  }

  /** Changes rows, and publishes; undefined: a row was not as expected, and nothing happened. */
  async commit(
    state: readonly StateChange[],
    publishes: readonly OutgoingBatch[] = [],
  ): Promise<StateVersion | undefined> {
    const unit = { sequence: ++this.#sequence, settlements: [], publishes, state };
    const result = await this.#consumer.commit(unit);
    if (result.kind === "committed") return result.version;
    this.#consumer.resume();
    return undefined;
  }

  /** Leaves the group. */
  async close(): Promise<void> {
    await this.#consumer.close();
  }
}

/** The state that shares the transport's units; throws UNSUPPORTED, for `what`, without one. */
export function keptStateOf(
  { name, state, capabilities }: Pick<Transport, "name" | "state" | "capabilities">,
  what: string,
): StateStore {
  if (state !== undefined && capabilities.atomicUnit !== "no") return state;
  throw new UnsupportedError(
    `${what} needs 'atomicUnit', which the transport '${name}' does not have`,
    { details: { transport: name, capability: "atomicUnit" } },
  );
}
