// The consumers of one transport by member number, and the notices that are meant for them. Always
// true: a notice that comes before its member's join was answered waits for that answer.
import type { SpillwayError } from "../../../errors/spillway-error.ts";
import type { EngineNotice, EngineRequests } from "../journal/engine.ts";
import { type ConsumerEnvironment, GroupConsumer } from "./group-consumer.ts";

/** A notice for one member. */
export type MemberNotice = Extract<EngineNotice, { readonly member: number }>;

/** Everybody of this transport who is a member of some group. */
export class Members {
  readonly #consumers = new Map<number, GroupConsumer>();
  readonly #joining = new Set<Promise<void>>();
  #early: MemberNotice[] = [];

  /** Joins by `request` and makes the consumer of the new member. */
  async join(
    request: () => Promise<EngineRequests["join"]["answer"]>,
    environment: ConsumerEnvironment,
    names: { readonly channel: string; readonly group: string },
  ): Promise<GroupConsumer> {
    const joining = Promise.withResolvers<void>();
    // Before the request: an engine in this thread gives its notices while it is asked.
    this.#joining.add(joining.promise);
    try {
      const answer = await request();
      const consumer = new GroupConsumer(
        { ...environment, onLeft: () => this.#consumers.delete(answer.member) },
        { ...names, ...answer },
      );
      this.#consumers.set(answer.member, consumer);
      for (const notice of this.#early) {
        if (notice.member === answer.member) tell(consumer, notice);
      }
      return consumer;
    } finally {
      this.#joining.delete(joining.promise);
      joining.resolve();
      if (this.#joining.size === 0) this.#early = [];
    }
  }

  /** A notice of the engine. */
  told(notice: MemberNotice): void {
    const consumer = this.#consumers.get(notice.member);
    if (consumer !== undefined) tell(consumer, notice);
    else if (this.#joining.size > 0) this.#early.push(notice);
  }

  /** The journal ended by itself. */
  failed(error: SpillwayError): void {
    for (const consumer of this.#consumers.values()) consumer.failed(error);
  }

  /** Closes every consumer, also those that are about to be. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#joining);
    await Promise.allSettled([...this.#consumers.values()].map((consumer) => consumer.close()));
  }
}

function tell(consumer: GroupConsumer, notice: MemberNotice): void {
  if (notice.kind === "granted") consumer.granted(notice.grants);
  else if (notice.kind === "revoke") consumer.revoked(notice.ranges);
  else consumer.lost(notice.ranges);
}
