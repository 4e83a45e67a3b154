// What a contract case is, and how one is run on an adapter. Knows no case and no adapter.
// Always true: a case whose capability is missing is run too, and must then fail with UNSUPPORTED.
import assert from "node:assert/strict";
import { SpillwayError } from "../../errors/spillway-error.ts";
import type { Capability } from "../../ports/capabilities.ts";
import { ContractRun } from "./contract-run.ts";
import type { TransportUnderTest } from "./transport-under-test.ts";

/** One statement about transports, and the run that shows it. */
export interface ContractCase {
  /** The statement. */
  readonly name: string;
  /** The capabilities without which it cannot hold. */
  readonly requires: readonly Capability[];
  /** Where a capability is missing: which call refuses it with UNSUPPORTED. */
  readonly refusal?: string;
  /** Resolves if the statement holds; rejects with what was found instead. */
  run(context: ContractRun): Promise<void>;
}

/** How a case ended that did not fail: it held, or the missing capability was refused. */
export type ContractVerdict = "holds" | "refused";

/**
 * Runs one case on an adapter; rejects when it fails. Where a required capability is "no", the case
 * fails unless it rejects with UNSUPPORTED.
 *
 * @example
 * import { memory } from "spillway/memory";
 * import { runContractCase, transportContract, type TransportUnderTest } from "spillway/testing";
 * const openAgain: TransportUnderTest["restart"] = async (transport, environment) => {
 *   await transport.open(environment); // memory() refuses to be opened twice
 *   return transport;
 * };
 * const subject: TransportUnderTest = {
 *   name: "memory",
 *   clock: "virtual",
 *   capabilities: memory().capabilities,
 *   create: (environment) => openAgain(memory(), environment),
 *   restart: openAgain,
 *   share: openAgain,
 * };
 * for (const contractCase of transportContract) await runContractCase(contractCase, subject);
 */
export async function runContractCase(
  contractCase: ContractCase,
  subject: TransportUnderTest,
): Promise<ContractVerdict> {
  const missing = contractCase.requires.filter((name) => subject.capabilities[name] === "no");
  const run = await ContractRun.start(subject);
  try {
    if (missing.length === 0) {
      await contractCase.run(run);
      return "holds";
    }
    await assert.rejects(
      contractCase.run(run),
      (error) => error instanceof SpillwayError && error.code === "UNSUPPORTED",
      `${subject.name} lacks ${missing.join(", ")} and does not refuse it with UNSUPPORTED`,
    );
    return "refused";
  } finally {
    await run.end();
  }
}
