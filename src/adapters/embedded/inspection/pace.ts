// How fast an inspection goes: at full speed while nobody else writes, with a pause after each
// slice while somebody does. Always true: between two slices the event loop turns, so that a
// request to stop is heard.
import { type Clock, delay } from "../../../kernel/clock.ts";
import type { Connection } from "../journal/connection.ts";

/** Pause after a slice, as a multiple of the time it took, while others commit. */
const pauseShare = 1;
/** Longest and shortest pause. */
const pauseMsMax = 50;
const pauseMsMin = 1;
/** Nobody committed for so long: the journal counts as quiet. */
const quietMs = 250;

/** See the head of this file. */
export class Pace {
  readonly #clock: Clock;
  readonly #connection: Connection;
  #dataVersion: unknown;
  #committedAtMs = Number.NEGATIVE_INFINITY;
  #sliceFromMs: number;

  constructor(clock: Clock, connection: Connection) {
    this.#clock = clock;
    this.#connection = connection;
    this.#dataVersion = this.#version();
    this.#sliceFromMs = clock.monotonicMs();
  }

  /** Ends a slice and waits for the turn of the next one. */
  async next(): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    const version = this.#version();
    if (version !== this.#dataVersion) this.#committedAtMs = nowMs;
    this.#dataVersion = version;
    if (nowMs - this.#committedAtMs < quietMs) {
      const pauseMs = (nowMs - this.#sliceFromMs) * pauseShare;
      await delay(this.#clock, Math.min(pauseMsMax, Math.max(pauseMsMin, pauseMs)));
    } else await new Promise<void>((resolve) => this.#clock.soon(resolve));
    this.#sliceFromMs = this.#clock.monotonicMs();
  }

  #version(): unknown {
    return this.#connection.prepare("PRAGMA data_version").get()?.["data_version"];
  }
}
