// Single keys as they are pressed, without a line break, where standard input is a terminal. It
// knows nothing of what they mean. Always true: the terminal is as it was before once stop was
// called, and also when the process ends without that, because Node.js puts it back.
import type { Readable } from "node:stream";
import { ReadStream } from "node:tty";

/** Ctrl-C as it arrives while keys are read: the terminal makes no signal of it then. */
export const interruptKey = "\u0003";
/** Arrows, function keys and the like, which come as sequences of their own. */
const escape = "\u001B";
const sequences = new RegExp(`${escape}(?:\\[[0-9;?]*[A-Za-z~]|O[A-Za-z]|.)?`, "gsu");

/** Whether keys can be read from it. */
export function hasKeys(input: Readable): input is ReadStream {
  return input instanceof ReadStream && input.isTTY;
}

/** Calls `onKey` for each key until the returned function is called. */
export function readKeys(input: ReadStream, onKey: (key: string) => void): () => void {
  const take = (chunk: Buffer | string): void => {
    for (const key of keysOf(String(chunk))) onKey(key);
  };
  input.setRawMode(true);
  input.on("data", take);
  return () => {
    input.off("data", take);
    input.pause();
    input.setRawMode(false);
  };
}

/** The single keys in what a terminal sent at once. */
export function keysOf(text: string): readonly string[] {
  return [...text.replaceAll(sequences, "")];
}
