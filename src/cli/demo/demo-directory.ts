// Where a demo keeps its files: in a directory of the user's own, or in a temporary one that is
// removed at the end, whatever happens.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Calls `run` with the given directory, or with a temporary one. */
export async function inDemoDirectory<Result>(
  given: string | undefined,
  run: (directory: string) => Promise<Result>,
): Promise<Result> {
  if (given !== undefined) {
    mkdirSync(given, { recursive: true });
    return run(given);
  }
  const directory = mkdtempSync(join(tmpdir(), "spillway-demo-"));
  const remove = (): void => rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  // A second Ctrl-C ends the process at once, without coming back here.
  process.once("exit", remove);
  try {
    return await run(directory);
  } finally {
    process.off("exit", remove);
    remove();
  }
}
