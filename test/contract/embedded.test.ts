// The transport contract on the embedded adapter, with each of its engines.
import { test } from "node:test";
import { runContractCase } from "../../src/testing/contract-suites/contract-case.ts";
import { transportContract } from "../../src/testing/contract-suites/index.ts";
import { directSubject, threadSubject } from "./subjects.ts";

for (const subject of [threadSubject, directSubject]) {
  for (const contractCase of transportContract) {
    test(`${subject.name}: ${contractCase.name}`, async () => {
      await runContractCase(contractCase, subject);
    });
  }
}
