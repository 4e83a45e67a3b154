// The dispatcher of one delivery, with a meter that counts what waits in it. Changes nothing of
// what it does. Always true: a message counts as waiting from when it came until it was given out,
// or passed over; one that was given out and held back counts again when it is put back.
import type { Dispatching, FlowHost, StartWait } from "../../delivery/dispatching.ts";
import type { WindowBatch, WindowPlace } from "../../delivery/window.ts";
import type { PoolMeter } from "./pool-meter.ts";

/** Who is told. */
export interface MeteredParts {
  readonly meter: PoolMeter;
  /** Messages came. */
  readonly onWork: () => void;
  readonly onClosed: (closed: MeteredDispatching) => void;
}

/** See the head of this file. */
export class MeteredDispatching implements Dispatching {
  readonly #inner: Dispatching;
  readonly #meter: PoolMeter;
  readonly #onWork: () => void;
  #host: FlowHost | undefined;
  /** Messages that were given out and held back, by what they wait for. */
  readonly #held = new WeakMap<object, number>();
  /** Those of this delivery that wait: they are gone with it. */
  #waiting = 0;

  readonly #onClosed: (closed: MeteredDispatching) => void;

  constructor(inner: Dispatching, parts: MeteredParts) {
    this.#inner = inner;
    this.#meter = parts.meter;
    this.#onWork = parts.onWork;
    this.#onClosed = parts.onClosed;
  }

  get batch(): WindowBatch {
    return this.#inner.batch;
  }

  get position(): number {
    return this.#inner.position;
  }

  #came(count: number): void {
    this.#waiting += count;
    this.#meter.came(count);
    this.#onWork();
  }

  #left(count: number): void {
    this.#waiting -= count;
    this.#meter.left(count);
  }

  add(batch: WindowBatch): void {
    this.#came(batch.size);
    this.#inner.add(batch);
  }

  addUrgent(batch: WindowBatch): void {
    this.#came(batch.size);
    this.#inner.addUrgent(batch);
  }

  next(): boolean {
    const isFound = this.#inner.next();
    if (isFound) this.#left(1);
    return isFound;
  }

  free(batch: WindowBatch, position: number): void {
    this.#inner.free(batch, position);
  }

  hold(line: object | undefined, place: WindowPlace): void {
    if (line !== undefined) this.#held.set(line, (this.#held.get(line) ?? 0) + 1);
    this.#inner.hold(line, place);
  }

  putBack(line: object): void {
    this.#left(-(this.#held.get(line) ?? 0));
    this.#held.delete(line);
    this.#inner.putBack(line);
  }

  restart(places: WindowPlace[]): void {
    this.#left(this.#waiting - places.length);
    this.#inner.restart(places);
  }

  started(batch: WindowBatch, position: number): void {
    this.#inner.started?.(batch, position);
  }

  waitOf(place: WindowPlace): StartWait | undefined {
    return this.#inner.waitOf?.(place);
  }

  /** More may start now. */
  wake(): void {
    this.#host?.wake();
  }

  attach(host: FlowHost): void {
    this.#host = host;
    this.#inner.attach?.({
      wake: () => host.wake(),
      mayLeave: (place) => host.mayLeave(place),
      passOver: (place) => {
        this.#left(1);
        host.passOver(place);
      },
    });
  }

  close(): void {
    this.#left(this.#waiting);
    this.#host = undefined;
    this.#onClosed(this);
    this.#inner.close?.();
  }
}
