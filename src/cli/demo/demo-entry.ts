// What the command `spillway demo` knows of each demo. Types only.
import type { CommandCall, CommandIo, Flag } from "../command.ts";

/** One demo. */
export interface DemoEntry {
  readonly name: string;
  /** Flags that only this demo takes. */
  readonly flags: Readonly<Record<string, Flag>>;
  /** The word by which a forked process knows that it is one of this demo's; not for people. */
  readonly processWord: string;
  runProcess(io: CommandIo): Promise<void>;
  /** Plays it; resolves to the exit code. */
  play(call: CommandCall): Promise<number>;
}
