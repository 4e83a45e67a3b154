// The parent's side of fixtures/embedded-member.ts: starts such a process and asks it to do things.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { MemberActions } from "./fixtures/embedded-member.ts";

type Answer = { readonly id: number; readonly value?: unknown; readonly error?: string };

const directories: string[] = [];
// Behind the last test of the file: what a test started is killed then, and writes nothing more.
after(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

/** A temporary directory that goes away when the tests of the file have ended. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "spillway-integration-"));
  directories.push(directory);
  return directory;
}

/** A running member process. */
export class MemberProcess {
  readonly child: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #lastId = 0;

  private constructor(child: ChildProcess) {
    this.child = child;
    child.on("message", (answer: Answer) => {
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
    child.on("exit", () => {
      for (const [id, answered] of this.#waiting) answered({ id, error: "the process ended" });
      this.#waiting.clear();
    });
  }

  /** Starts a process that does nothing yet; killed after the test if it still runs. */
  static async start(t: TestContext): Promise<MemberProcess> {
    const path = fileURLToPath(new URL("fixtures/embedded-member.ts", import.meta.url));
    const child = fork(path, {
      execArgv: ["--no-warnings"],
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    t.after(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    });
    await once(child, "message");
    return new MemberProcess(child);
  }

  /** Asks for an action; its result. */
  async ask<Name extends keyof MemberActions>(
    name: Name,
    ...values: Parameters<MemberActions[Name]>
  ): Promise<Awaited<ReturnType<MemberActions[Name]>>> {
    const id = ++this.#lastId;
    const answer = await new Promise<Answer>((resolve) => {
      this.#waiting.set(id, resolve);
      this.child.send({ id, name, values });
    });
    if (answer.error !== undefined) throw new Error(`${name}: ${answer.error}`);
    return answer.value as Awaited<ReturnType<MemberActions[Name]>>;
  }

  /** Sends a signal; for one that ends the process, waits until it is gone. */
  async signal(signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): Promise<void> {
    const ended = signal === "SIGKILL" ? once(this.child, "exit") : undefined;
    this.child.kill(signal);
    await ended;
  }
}
