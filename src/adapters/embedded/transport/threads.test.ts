import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

const source = new URL("../../../", import.meta.url).href;
const script = (directory: string): string => `
  import { embedded } from "${source}adapters/embedded/index.ts";
  import { systemClock } from "${source}kernel/clock.ts";
  import { systemRandom } from "${source}kernel/random.ts";
  const transport = embedded({ directory: ${JSON.stringify(directory)} });
  await transport.open({ clock: systemClock, random: systemRandom, name: "script" });
  console.log(transport.health().status);
  await transport.close();
`;

test("the threads start in a script given on the command line too", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "script-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const words = ["--no-warnings", "--input-type=module", "--eval", script(directory)];
  const { stdout } = await promisify(execFile)(process.execPath, words, { timeout: 30_000 });
  assert.equal(stdout.trim(), "ok");
});
