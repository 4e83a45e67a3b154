// The one line for whoever waits at a terminal, on stderr, so that it is never part of a result.

/** A line that each new one replaces. */
export function progressOf(name: string): {
  readonly say: (line: string) => void;
  readonly end: () => void;
} {
  const { isTTY } = process.stderr;
  const write = (text: string): void => {
    if (isTTY) process.stderr.write(`\r\u001b[K${text}`);
  };
  return { say: (line) => write(`${name}: ${line} `), end: () => write("") };
}
