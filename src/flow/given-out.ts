// The messages of the shelf that were given out and are not done with, found by their place. Always
// true: a batch is kept here while a message of it is out, and no longer.
import type { WindowBatch } from "../delivery/window.ts";
import type { Waiting } from "./waiting.ts";

type Places = (Waiting | undefined)[];

/** See the head of this file. */
export class GivenOut {
  /** Messages that are out. */
  size = 0;
  /** By position; a list lives as long as its batch. */
  #lists = new WeakMap<WindowBatch, Places>();
  /** The batch that was asked for last, while anything is out: mostly it is asked for again. */
  #last: WindowBatch | undefined = undefined;
  #lastList: Places = [];

  /** A message was given out. */
  add(waiting: Waiting): void {
    this.size++;
    const { batch, position } = waiting;
    (this.#listOf(batch) ?? this.#begin(batch))[position] = waiting;
  }

  /** The message at a place; undefined: it did not come from the shelf. */
  at(batch: WindowBatch, position: number): Waiting | undefined {
    return this.size === 0 ? undefined : this.#listOf(batch)?.[position];
  }

  /** Takes the message at a place out. */
  take(batch: WindowBatch, position: number): Waiting | undefined {
    const list = this.size === 0 ? undefined : this.#listOf(batch);
    const waiting = list?.[position];
    if (list === undefined || waiting === undefined) return undefined;
    list[position] = undefined;
    if (--this.size === 0) this.#forgetLast();
    return waiting;
  }

  #listOf(batch: WindowBatch): Places | undefined {
    if (this.#last === batch) return this.#lastList;
    const list = this.#lists.get(batch);
    if (list === undefined) return undefined;
    this.#last = batch;
    this.#lastList = list;
    return list;
  }

  #begin(batch: WindowBatch): Places {
    const list: Places = Array.from<undefined>({ length: batch.size });
    this.#lists.set(batch, list);
    this.#last = batch;
    this.#lastList = list;
    return list;
  }

  #forgetLast(): void {
    this.#last = undefined;
    this.#lastList = [];
  }

  /** Forgets everything. */
  clear(): void {
    this.size = 0;
    this.#lists = new WeakMap();
    this.#forgetLast();
  }
}
