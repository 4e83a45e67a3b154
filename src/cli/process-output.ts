// Standard output and standard error as commands see them. Always true: a closed pipe never becomes
// an uncaught exception; it is an error of the next drained() and can be told by isReaderGone().
import type { WriteStream } from "node:tty";
import type { CommandOutput } from "./command.ts";
import { styleFor } from "./terminal/ansi.ts";

/** Whether an error only says that whoever read our output has gone. */
export function isReaderGone(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === "EPIPE";
}

/** Wraps a stream of the process. */
export function outputOf(
  stream: NodeJS.WriteStream | WriteStream,
  environment: NodeJS.ProcessEnv,
): CommandOutput {
  // Node leaves isTTY out where there is no terminal.
  const { isTTY }: { readonly isTTY?: boolean } = stream;
  const isTerminal = isTTY ?? false;
  const waiting = new Set<() => void>();
  let failure: Error | undefined;
  const wake = (): void => {
    for (const resume of waiting) resume();
    waiting.clear();
  };
  stream.on("error", (error: Error) => {
    failure ??= error;
    wake();
  });
  stream.on("drain", wake);
  return {
    isTerminal,
    style: styleFor(isTerminal, environment),
    get columns() {
      return stream.columns;
    },
    get rows() {
      return stream.rows;
    },
    write: (text) => failure === undefined && stream.write(text),
    async drained() {
      if (failure === undefined && stream.writableNeedDrain) {
        await new Promise<void>((resolve) => waiting.add(resolve));
      }
      if (failure !== undefined) throw failure;
    },
  };
}
