// A service as the process around it sees it, whichever side it belongs to. Types only.
import type { ProcessHost } from "../stage/process-host.ts";
import type { Peers, ServiceNumbers, ServiceOrder, ServiceReport } from "./service-protocol.ts";

/** The surroundings of a service. */
export type ServiceHost = ProcessHost<ServiceOrder, ServiceReport>;

/** A running service, of whichever side. */
export interface RunningService {
  /** Where it listens, if it is called over HTTP. */
  readonly port: number | undefined;
  numbers(): ServiceNumbers;
  /** Learns who listens where. */
  meet(peers: Peers): void;
  /** Ends the faults on purpose, if there are any. */
  calm(): void;
  /** Finishes what is in flight. */
  close(): Promise<void>;
}
