// Wrong usage: the one error of the command line that is about how it was called. It leads to exit
// code 2 and to a hint at the help.
import { SpillwayError } from "../errors/spillway-error.ts";

/** The command line was called wrongly; nothing was done. */
export class UsageError extends SpillwayError {
  /** The command whose help explains it, if it is about one. */
  readonly command: string | undefined;

  constructor(message: string, command?: string) {
    super("INVALID_ARGUMENT", message);
    this.command = command;
  }
}
