/**
 * Runs the transport contract on every adapter and, if nothing fails, writes what they declare to
 * `docs/capabilities.md`.
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { runContractCase } from "../src/testing/contract-suites/contract-case.ts";
import { transportContract } from "../src/testing/contract-suites/index.ts";
import type { TransportUnderTest } from "../src/testing/contract-suites/transport-under-test.ts";
import { subjects } from "../test/contract/subjects.ts";
import { renderCapabilities } from "./capabilities/render-capabilities.ts";

const file = fileURLToPath(new URL("../docs/capabilities.md", import.meta.url));

async function failuresOf(subject: TransportUnderTest): Promise<number> {
  let failed = 0;
  for (const contractCase of transportContract) {
    try {
      await runContractCase(contractCase, subject);
    } catch (error) {
      failed++;
      console.error(`${subject.name}: ${contractCase.name}:`, error);
    }
  }
  console.log(`${subject.name}: ${transportContract.length} cases, ${failed} failed`);
  return failed;
}

let failed = 0;
for (const subject of subjects) failed += await failuresOf(subject);
if (failed === 0) {
  writeFileSync(file, renderCapabilities(subjects, transportContract));
  console.log("docs/capabilities.md written");
}
process.exitCode = failed === 0 ? 0 : 1;
