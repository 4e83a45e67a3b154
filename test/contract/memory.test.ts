// The transport contract on the memory adapter.
import { test } from "node:test";
import { runContractCase } from "../../src/testing/contract-suites/contract-case.ts";
import { transportContract } from "../../src/testing/contract-suites/index.ts";
import { memorySubject } from "./subjects.ts";

for (const contractCase of transportContract) {
  test(contractCase.name, async () => {
    await runContractCase(contractCase, memorySubject);
  });
}
