// What the bench asks of a broker's server. The servers are started by the code of
// `spillway/testing`, so they end with this process, whatever ends it.
import type { Broker } from "../../../src/testing/index.ts";

/** A server that runs. */
export interface BrokerServer {
  /** "host:port" */
  readonly address: string;
  readonly version: string;
  /** What is on disk when it acknowledges a message; where that is not its default, how. */
  readonly durability: string;
  stop(): Promise<void>;
}

/** Starts a server in the directory; undefined: it is not on this machine. */
export type StartBroker = (directory: string) => Promise<BrokerServer | undefined>;

/** The part of a broker on demand that says where it is and how it ends. */
type Running = Pick<Broker, "port" | "version" | "close">;

/** A broker on demand as a server of the bench. */
export function serverOf(broker: Running, durability: string): BrokerServer {
  return {
    address: `127.0.0.1:${broker.port}`,
    version: broker.version,
    durability,
    stop: () => broker.close(),
  };
}
