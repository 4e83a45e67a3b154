// The processes of a demo are the command line itself, forked: this file starts them, and connects
// what runs in them with their parent. Knows nothing of what they do.
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ProcessHost } from "../../demo/stage/process-host.ts";
import type { ForkProcess } from "../../demo/stage/process-pool.ts";
import type { CommandIo } from "../command.ts";

/** Gives what forks this very program, built or from its sources, as `spillway demo WORD`. */
export function forkOf(word: string): ForkProcess {
  const entry = import.meta.url.endsWith(".ts") ? "../main.ts" : "../main.js";
  const path = fileURLToPath(new URL(entry, import.meta.url));
  return () => {
    // Never the terminal itself: Node.js notes at its start how the terminal is set, and sets that
    // again when it ends. A child that started while keys were read would set raw mode again, after
    // this process has given the terminal back.
    const child = fork(path, ["demo", word], { stdio: ["ignore", "ignore", "pipe", "ipc"] });
    // Written, not piped: the pipes of a dozen children are more listeners than a stream may have.
    child.stderr?.on("data", (text: Buffer) => process.stderr.write(text));
    return child;
  };
}

/** Whether this process was forked and has a channel to its parent. */
export function isForked(): boolean {
  return process.send !== undefined;
}

/** Runs what the parent wants until it ends by itself, and lets the parent go. */
export async function runForked<Order, Report>(
  io: CommandIo,
  run: (host: ProcessHost<Order, Report>) => Promise<void>,
): Promise<void> {
  await run({
    clock: io.clock,
    random: io.random,
    send: (report) => {
      // A parent that is gone is noticed by "disconnect".
      if (process.connected) process.send?.(report, undefined, undefined, () => undefined);
    },
    orders: (take) =>
      new Promise((resolve) => {
        process.on("message", (order) => take(order as Order));
        process.once("disconnect", resolve);
      }),
  });
  if (process.connected) process.disconnect?.();
}
