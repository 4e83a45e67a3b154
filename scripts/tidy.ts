/**
 * Prints every broken tidy rule and fails when there is one: `node scripts/tidy.ts`.
 */
import { fileURLToPath } from "node:url";
import { checkRepository } from "./tidy/check-repository.ts";

const findings = checkRepository(fileURLToPath(new URL("..", import.meta.url)));
for (const { path, line, rule, message } of findings) {
  console.error(`${path}:${line}  ${rule}: ${message}`);
}
console.log(`tidy: ${findings.length === 0 ? "nothing to report" : `${findings.length} findings`}`);
process.exitCode = findings.length === 0 ? 0 : 1;
