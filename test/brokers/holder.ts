// Runs fixtures/broker-holder.ts as the process that a broker belongs to.
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("fixtures/broker-holder.ts", import.meta.url));

/** What the holder says of its broker. */
export interface Held {
  readonly directory: string;
  readonly pids: readonly number[];
  readonly port: number;
}

/** A process that holds a broker. */
export interface Holder {
  readonly child: ChildProcess;
  readonly held: Held;
}

/** Starts a process that starts a broker, and resolves when the broker is ready. */
export async function startHolder(name: string, deed: string): Promise<Holder> {
  const words = ["--conditions=spillway:source", "--disable-warning=ExperimentalWarning"];
  const child = spawn(process.execPath, [...words, script, name, deed], {
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const held = await new Promise<Held>((resolve, reject) => {
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (output.includes("\n")) resolve(JSON.parse(output) as Held);
    });
    child.once("close", () => reject(new Error(`the holder of ${name} ended: ${errors}`)));
  });
  return { child, held };
}
