// A reader without a group that follows a log as long as its process lives. Owns what it has read.
// Knows nothing of groups. Always true: what it read goes into the history when everything is over,
// in its order; it has seen everything only where its process lives and no disk failed under it.
import type { Bus } from "../../bus/bus.ts";
import type { Priority } from "../../message/envelope.ts";
import type { TailRead } from "../history/history-event.ts";
import type { Channels } from "./contracts.ts";
import { logName, messageId } from "./recorder.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import type { World } from "./world.ts";

/** See the head of this file. */
export class Follower {
  readonly #process: SimulatedProcess;
  readonly #world: World;
  readonly #log: string;
  readonly #read: TailRead[] = [];
  #isOver = false;

  constructor(process: SimulatedProcess, world: World, bus: Bus, channels: Channels) {
    this.#process = process;
    this.#world = world;
    const priority = "normal";
    this.#log = logName("orders", priority);
    void this.#follow(bus, channels, priority).catch((error: unknown) => {
      if (this.#isOver || process.hasEnded) return;
      this.#isOver = true;
      world.assertInjected(error, `${process.name} follows ${this.#log}`);
    });
  }

  get #reader(): string {
    return `of ${this.#process.name}`;
  }

  async #follow(bus: Bus, channels: Channels, priority: Priority): Promise<void> {
    const log = this.#log;
    const reader = this.#reader;
    for await (const message of bus.read(channels.orders, { priority, follow: true })) {
      if (this.#isOver || this.#process.hasEnded) return;
      const { data, offset } = message;
      const { n, key } = data;
      const [id, value] = [messageId(n), `${n} ${key}`];
      const { nowMs: atMs } = this.#world;
      this.#read.push({ kind: "tail", atMs, reader, log, id, offset, key, value });
    }
  }

  /** Everything has come to rest: what it has seen is noted. */
  end(): void {
    const { recorder, nowMs: atMs } = this.#world;
    const [log, reader] = [this.#log, this.#reader];
    recorder.note({ kind: "tail-start", atMs, reader, log, from: 0 });
    for (const event of this.#read) recorder.note(event);
    const isWhole = !this.#isOver && !this.#process.hasEnded;
    if (isWhole) recorder.note({ kind: "tail-end", atMs, reader, log });
    this.#isOver = true;
  }
}
