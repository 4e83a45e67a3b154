// The adapters of this repository as the contract suite needs them.
import { memory } from "../../src/adapters/memory/index.ts";
import type { Transport, TransportEnvironment } from "../../src/ports/transport.ts";
import { embeddedSubject } from "./embedded-subject.ts";
import type { TransportUnderTest } from "../../src/testing/contract-suites/transport-under-test.ts";

/** Opens it; memory() refuses whoever opens it again, whether it was closed in between or not. */
async function open(transport: Transport, environment: TransportEnvironment): Promise<Transport> {
  await transport.open(environment);
  return transport;
}

/** memory(), on virtual time. */
export const memorySubject: TransportUnderTest = {
  name: "memory",
  clock: "virtual",
  capabilities: memory().capabilities,
  create: (environment) => open(memory(), environment),
  async restart(transport, environment) {
    await transport.close();
    return open(transport, environment);
  },
  share: open,
};

/** embedded() with its writer thread, on real time. */
export const threadSubject = embeddedSubject("thread");

/** embedded() with everything in this thread, on virtual time. */
export const directSubject = embeddedSubject("direct");

/** Every adapter of this repository, as its users get it. */
export const subjects: readonly TransportUnderTest[] = [threadSubject, memorySubject];
