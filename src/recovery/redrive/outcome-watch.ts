// How the copies of one redrive end, as the groups note it. Follows the notes from where the plan
// left off. Always true: what is waited for is bounded by one batch; after close() nothing is read.
import { readNotes } from "../dead-letters/redrive-notes.ts";
import type { NoteKind } from "../../delivery/redrive-note.ts";
import type { Transport } from "../../ports/transport.ts";

/** How a copy ended. */
export type CopyOutcome = Exclude<NoteKind, "redriven">;

/** Waits for the outcomes of letters. */
export class OutcomeWatch {
  readonly #waiting = new Set<number>();
  readonly #stop = new AbortController();
  readonly #onOutcome: (letter: number, outcome: CopyOutcome) => void;
  #done: PromiseWithResolvers<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(onOutcome: (letter: number, outcome: CopyOutcome) => void) {
    this.#onOutcome = onOutcome;
  }

  /** Follows the notes of one job from an offset on. */
  follow(transport: Transport, notes: string, job: string, from: number): void {
    void this.#read(transport, notes, job, from).catch((error: unknown) => {
      this.#failure = { error };
      this.#done?.reject(error);
    });
  }

  async #read(transport: Transport, notes: string, job: string, offset: number): Promise<void> {
    const options = { from: { offset }, follow: true, signal: this.#stop.signal };
    for await (const { job: of, letter, kind } of readNotes(transport, notes, options)) {
      if (of !== job || kind === "redriven" || !this.#waiting.delete(letter)) continue;
      this.#onOutcome(letter, kind);
      if (this.#waiting.size === 0) this.#done?.resolve();
    }
  }

  /** These letters are under way. */
  expect(letters: Iterable<number>): void {
    for (const letter of letters) this.#waiting.add(letter);
  }

  /** Letters whose outcome is not known. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Resolves when every expected outcome is known; rejects where notes cannot be read. */
  async settled(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#waiting.size === 0) return;
    this.#done = Promise.withResolvers();
    await this.#done.promise;
  }

  /** Reads nothing more. */
  close(): void {
    this.#stop.abort();
  }
}
