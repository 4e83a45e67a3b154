// Starts and asks a publisher process; and fills a directory before a trial, in a process too.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { forkScript } from "../leavings.ts";
import type {
  FromPublisher,
  PhaseFigures,
  PublisherParameters,
  ToPublisher,
} from "./publisher-protocol.ts";

/** A running publisher. */
export class Publisher {
  readonly child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.child = child;
  }

  /** Starts one; resolves when it publishes. */
  static async start(parameters: PublisherParameters): Promise<Publisher> {
    const preload = new URL("./trace-statements.ts", import.meta.url).href;
    const child = startProcess("publisher-process", parameters, ["--import", preload]);
    const publisher = new Publisher(child);
    await publisher.#next("ready");
    return publisher;
  }

  /** Ends the phase; what it was like. */
  async phase(): Promise<PhaseFigures> {
    return this.#ask({ kind: "phase" });
  }

  /** Ends the phase and the process. */
  async stop(): Promise<PhaseFigures> {
    const exited = once(this.child, "exit");
    const figures = await this.#ask({ kind: "stop" });
    await exited;
    return figures;
  }

  async #ask(message: ToPublisher): Promise<PhaseFigures> {
    const answer = this.#next("figures");
    this.child.send(message);
    return (await answer).figures;
  }

  #next<Kind extends FromPublisher["kind"]>(
    kind: Kind,
  ): Promise<Extract<FromPublisher, { kind: Kind }>> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null): void => reject(new Error(`publisher ended: ${code}`));
      this.child.once("exit", ended);
      this.child.once("message", (message: FromPublisher) => {
        this.child.off("exit", ended);
        if (message.kind === kind) resolve(message as Extract<FromPublisher, { kind: Kind }>);
        else reject(new Error(`publisher said ${message.kind}, not ${kind}`));
      });
    });
  }
}

/** Starts a process of a trial. */
export function startProcess(
  name: string,
  parameters: unknown,
  flags: readonly string[] = [],
): ChildProcess {
  return forkScript(new URL(`./${name}.ts`, import.meta.url), parameters, flags);
}

/** Runs a process of a trial to its end; what it said last. */
export async function runProcess<Said>(
  name: string,
  parameters: unknown,
  flags: readonly string[] = [],
): Promise<Said> {
  const child = startProcess(name, parameters, flags);
  let said: unknown;
  child.on("message", (message) => (said = message));
  const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
  if (code !== 0) throw new Error(`${name} ended with ${code ?? signal}`);
  return said as Said;
}
