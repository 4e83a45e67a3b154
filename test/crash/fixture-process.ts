// A fixture as a process of its own: started, killed without warning, or told to stop. Knows
// nothing of what it does. Always true: what `started` gave is ready, and what was killed or
// stopped is gone.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";

/**
 * Starts `fixtures/NAME.ts` with these words; resolves when it says that it is ready, and rejects
 * where it ends without that.
 */
export async function started(name: string, words: readonly string[]): Promise<ChildProcess> {
  const child = fork(new URL(`./fixtures/${name}.ts`, import.meta.url), words, {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const { promise, resolve, reject } = Promise.withResolvers<ChildProcess>();
  const ended = (code: number | null, signal: string | null): void =>
    reject(new Error(`fixture '${name}' ended with ${code ?? signal} before it was ready`));
  child.once("error", reject);
  child.once("exit", ended);
  child.once("message", () => {
    child.off("error", reject);
    child.off("exit", ended);
    resolve(child);
  });
  return promise;
}

/** Ends a process as `kill -9` does; resolves when it is gone, also where it was before. */
export async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

/** Tells a process to stop; resolves when it has. */
export async function stopped(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.send("stop");
  await ended;
}
