// What the contract suite must be given of an adapter: how to make one, and what it declares. Knows
// nothing of cases.
import type { Capabilities } from "../../ports/capabilities.ts";
import type { Transport, TransportEnvironment } from "../../ports/transport.ts";

/** An adapter as the contract needs it: how to make one, and what it declares. */
export interface TransportUnderTest {
  readonly name: string;
  readonly capabilities: Capabilities;
  /** "virtual": all its waiting is on the clock that it is given. "system": it needs real time. */
  readonly clock: "virtual" | "system";
  /** Opens a transport on a new, empty store. */
  create(environment: TransportEnvironment): Promise<Transport>;
  /** Closes it and opens its store again. Fails with UNSUPPORTED where `durable` is "no". */
  restart(transport: Transport, environment: TransportEnvironment): Promise<Transport>;
  /**
   * Opens the same store a second time, as another process would. Fails with UNSUPPORTED where
   * `multiProcess` is "no".
   */
  share(transport: Transport, environment: TransportEnvironment): Promise<Transport>;
  /** Removes the store of a case, after everything was closed. */
  remove?(transport: Transport): Promise<void>;
}
