// embedded() as the contract suite needs it: each case has a directory of its own.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { embedded } from "../../src/adapters/embedded/index.ts";
import type { Transport, TransportEnvironment } from "../../src/ports/transport.ts";
import type { TransportUnderTest } from "../../src/testing/contract-suites/transport-under-test.ts";

const directories = new WeakMap<Transport, string>();

/** embedded() with this engine. */
export function embeddedSubject(engine: "thread" | "direct"): TransportUnderTest {
  const open = async (directory: string, environment: TransportEnvironment): Promise<Transport> => {
    const transport = embedded({ directory, engine });
    directories.set(transport, directory);
    await transport.open(environment);
    return transport;
  };
  const directoryOf = (transport: Transport): string => directories.get(transport) ?? "";
  return {
    name: engine === "thread" ? "embedded" : `embedded (${engine} engine)`,
    clock: engine === "thread" ? "system" : "virtual",
    capabilities: embedded({ directory: "unused" }).capabilities,
    create: (environment) => open(mkdtempSync(join(tmpdir(), "spillway-contract-")), environment),
    async restart(transport, environment) {
      await transport.close();
      return open(directoryOf(transport), environment);
    },
    share: (transport, environment) => open(directoryOf(transport), environment),
    async remove(transport) {
      rmSync(directoryOf(transport), { recursive: true });
    },
  };
}
