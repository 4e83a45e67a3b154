// The main-thread side of the bare writer: requests out, one promise each, in order.
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { BareRequest } from "./writer-thread.ts";

type Body<Request> = Request extends { readonly id: number } ? Omit<Request, "id"> : never;

export class BareWriter {
  readonly file: string;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, () => void>();
  #next = 1;

  constructor(directory: string) {
    this.file = join(directory, "bare.db");
    this.#worker = new Worker(new URL("./writer-thread.ts", import.meta.url), {
      workerData: { file: this.file },
    });
    this.#worker.on("message", (id: number) => {
      const resolve = this.#waiting.get(id);
      this.#waiting.delete(id);
      resolve?.();
    });
  }

  send(body: Body<BareRequest>, transfer: ArrayBuffer[] = []): Promise<void> {
    const id = this.#next++;
    this.#worker.postMessage({ id, ...body }, transfer);
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  /** Resolves when the database and its tables are there. */
  opened(): Promise<void> {
    return this.send({ kind: "move", name: "opened", position: 0, state: [] });
  }

  async close(): Promise<void> {
    await this.send({ kind: "close" });
    await this.#worker.terminate();
  }
}
