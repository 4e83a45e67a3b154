// One subscription at work: fails as its action asks, stops at the crash point, notes what happens.
// Always true: a note is on disk before what it tells goes on.
import type { Bus, GroupStatistics, Subscription } from "spillway";
import { z } from "zod";
import type { HandlerContext, StateTable } from "../../../src/delivery/handler-context.ts";
import type { Consumer } from "../../../src/ports/transport.ts";
import type { Point, Service } from "./combinations.ts";
import { allWork, Done, followers, type Note, subject, work } from "./messages.ts";
import { isFailing, policyOf } from "./policies.ts";
import { Stops } from "./stops.ts";

const state = { counts: z.int() };

/** The state of a service: how often each message was handled. */
type Counts = Pick<StateTable, "get" | "set"> | StateTable<typeof state.counts>;

/** A note without whose it is. */
export type Told = Note extends infer Each
  ? Each extends Note
    ? Omit<Each, "service" | "life">
    : never
  : never;

/** See the head of this file. */
export class RunningService {
  readonly service: Service;
  readonly #stops: Stops;
  readonly #point: Point;
  readonly #tell: (told: Told) => void;
  #subscription: Omit<Subscription, "state"> | undefined;
  #countOf: (n: number) => Promise<number | undefined> = async () => undefined;
  #calls = 0;

  constructor(service: Service, point: Point, tell: (told: Told) => void) {
    this.service = service;
    this.#point = point;
    this.#stops = new Stops(point);
    this.#tell = tell;
  }

  /** Stops at steps of its consumer. */
  watch(consumer: Consumer): void {
    this.#stops.watch(consumer, this.service.delivery === "at-most-once");
  }

  async subscribe(bus: Bus): Promise<void> {
    const { name: group, order, delivery, action } = this.service;
    const instead = async (
      message: { readonly data: unknown },
      _: unknown,
      context: HandlerContext,
    ) => {
      const { n } = message.data as { readonly n: number };
      this.#tell({ kind: "fallback", n, attempt: context.attempt });
      await this.#stops.at("in-fallback");
      return this.#effect(n, delivery === "effectively-once" ? context.state["counts"] : undefined);
    };
    const errors = policyOf(action, instead);
    const options = { group, order, errors, timeoutMs: Number.POSITIVE_INFINITY } as const;
    if (delivery !== "effectively-once") {
      this.#subscription = await bus.subscribe(work, { ...options, delivery }, (message, context) =>
        this.#handle(message.data.n, context.attempt, undefined),
      );
      return;
    }
    const subscription = await bus.subscribe(
      work,
      { ...options, delivery, state },
      (message, context) => this.#handle(message.data.n, context.attempt, context.state.counts),
    );
    this.#subscription = subscription;
    this.#countOf = (n) => subscription.state.counts.get(String(n));
  }

  async #handle(n: number, attempt: number, counts: Counts | undefined) {
    this.#tell({ kind: "call", n, attempt });
    if (n === subject) {
      const isFirst = ++this.#calls === 1;
      await this.#stops.at(isFirst ? "in-handler" : "in-handler-again");
      if (isFailing(this.service.action, attempt, this.#calls)) {
        this.#tell({ kind: "failed", n });
        throw new Error("it fails");
      }
    }
    return this.#effect(n, counts);
  }

  async #effect(n: number, counts: Counts | undefined) {
    const before = Number((await counts?.get(String(n))) ?? 0);
    await counts?.set(String(n), before + 1);
    return Done.message({ service: this.service.name, n });
  }

  /** Whether it has come to the crash point. */
  hasArrived({ depth }: GroupStatistics): boolean {
    if (this.#point === "waiting") return this.#stops.isKept && this.#waits(depth);
    return this.#stops.isReached;
  }

  /** Whether it does nothing more by itself: it stands, it is through, or its message waits. */
  isQuiet(stats: GroupStatistics): boolean {
    if (this.#point === "waiting") return this.hasArrived(stats);
    return this.hasArrived(stats) || stats.depth === 0 || this.#waits(stats.depth);
  }

  /** Whether the message waits, and everything that may flow meanwhile is through. */
  #waits(depth: number): boolean {
    const { action, order } = this.service;
    if (action === "pause") return this.#subscription?.circuits[0]?.state === "open";
    if (!this.#stops.isKept || (action !== "retry" && action !== "park")) return false;
    return depth === (order === "key" ? 1 + followers.length : 1);
  }

  /** Its wait is over; lets go of what is parked. */
  letGo(): void {
    this.#tell({ kind: "let-go" });
    this.#subscription?.release();
  }

  /** Finishes what is under way, and notes its state. */
  async close(): Promise<void> {
    for (const { n } of allWork) {
      const count = await this.#countOf(n);
      if (count !== undefined) this.#tell({ kind: "state", n, count });
    }
    await this.#subscription?.close();
  }
}
