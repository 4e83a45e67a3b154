// Ctrl-C and SIGTERM: the first one asks the command to stop cleanly, a second Ctrl-C ends the
// process at once. Knows nothing of what a command does about it.
import { cursor } from "./terminal/ansi.ts";

/** The exit code of a process that SIGINT ended, as shells count it. */
const interruptedCode = 130;

/** Starts to watch; stop() gives the signals back to Node. */
export function watchSignals(): { readonly signal: AbortSignal; stop(): void } {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    if (!controller.signal.aborted) return controller.abort(name);
    if (name !== "SIGINT") return;
    if (process.stdout.isTTY) process.stdout.write(cursor.show);
    process.exit(interruptedCode);
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return {
    signal: controller.signal,
    stop() {
      process.off("SIGINT", onSignal);
      process.off("SIGTERM", onSignal);
    },
  };
}
