// Which requests have an outcome: kept durably as state of one group, and told to whoever waits in
// this process. Knows no HTTP. Always true: an outcome is stored in the unit that acknowledges the
// reply; one who waits learns it at the latest when the wait ends, however often the process died.
import type { Bus } from "../bus/bus.ts";
import type { Subscription } from "../bus/subscription.ts";
import type { AnyCommand } from "../contracts/command.ts";
import { ClosedError } from "../errors/spillway-error.ts";
import { type Clock, delay } from "../kernel/clock.ts";
import {
  CallbackAsked,
  CallbackDue,
  indexChannelOf,
  RequestCompleted,
  type RequestCompletion,
  RequestForgotten,
  requestRowSchema,
} from "./index-contracts.ts";

const dayMs = 86_400_000;
/** Before the channel is followed again after an interruption. */
const followAgainMs = 500;
/** Outcomes that this process remembers besides the durable rows. */
const recentMax = 1_000;

/** What the index works with. */
export interface RequestIndexParts {
  readonly bus: Bus;
  readonly clock: Clock;
  /** How long an outcome can be asked for. */
  readonly keepMs: number;
  /** Most callers that may wait at once. */
  readonly waitingMax: number;
}

/** A request, named: its id, and the tenant it belongs to. */
export interface RequestName {
  readonly requestId: string;
  readonly tenant: string | undefined;
}

type Told = (completion: RequestCompletion | undefined) => void;

/** The durable index of requests, as one process of a service sees it. */
export class RequestIndex {
  readonly #parts: RequestIndexParts;
  readonly #subscription: Subscription<{ requests: typeof requestRowSchema }>;
  readonly #recent = new Map<string, RequestCompletion>();
  readonly #waiting = new Map<string, Set<Told>>();
  readonly #stopping = new AbortController();
  readonly #follower: Promise<void>;
  #waitingCount = 0;

  private constructor(
    parts: RequestIndexParts,
    subscription: Subscription<{ requests: typeof requestRowSchema }>,
  ) {
    this.#parts = parts;
    this.#subscription = subscription;
    this.#follower = this.#follow();
  }

  /** Joins the group that keeps the index. Rejects as bus.subscribe() does. */
  static async open(parts: RequestIndexParts): Promise<RequestIndex> {
    const { bus, keepMs } = parts;
    const channel = indexChannelOf(bus.name, keepMs / dayMs);
    const group = `${bus.name}.http-index`;
    const state = { requests: requestRowSchema };
    const subscription = await bus.subscribe(
      channel,
      { group, delivery: "effectively-once", state },
      async (message, context) => {
        const { requests } = context.state;
        const { requestId } = message.data;
        const before = await requests.get(requestId);
        switch (message.type) {
          case RequestCompleted.type: {
            await requests.set(requestId, { ...before, completion: message.data });
            const url = before?.callbackUrl;
            return [
              RequestForgotten.message({ requestId }, { delayMs: keepMs }),
              url === undefined ? undefined : CallbackDue.message({ ...message.data, url }),
            ];
          }
          case CallbackAsked.type: {
            const { url } = message.data;
            await requests.set(requestId, { ...before, callbackUrl: url });
            const completion = before?.completion;
            if (completion === undefined) return undefined;
            return CallbackDue.message({ ...completion, url });
          }
          case RequestForgotten.type:
            await requests.delete(requestId);
            break;
          case CallbackDue.type:
            break;
        }
        return undefined;
      },
    );
    return new RequestIndex(parts, subscription);
  }

  /** Receives the answers to a command, and notes each. Rejects as bus.replies() does. */
  async receive(command: AnyCommand, replyTo: string): Promise<Subscription> {
    return this.#parts.bus.replies(command, { replyTo }, (reply) => {
      const { requestId, correlationId: _, ...outcome } = reply;
      return RequestCompleted.message({ requestId, command: command.type, outcome });
    });
  }

  /** What is known of a request; undefined where it is not completed. */
  async find(name: RequestName): Promise<RequestCompletion | undefined> {
    const recent = this.#recent.get(identityOf(name));
    if (recent !== undefined) return recent;
    const { requestId, tenant } = name;
    const { requests } = this.#subscription.state;
    const row = await requests.get(requestId, tenant === undefined ? {} : { tenant });
    return row?.completion;
  }

  /**
   * Waits for an outcome: undefined where there is none after `waitMs`, when `signal` fires, when
   * too many wait already, or when the index is closed.
   */
  async wait(
    name: RequestName,
    waitMs: number,
    signal: AbortSignal | undefined,
  ): Promise<RequestCompletion | undefined> {
    const { waitingMax, clock } = this.#parts;
    if (waitMs <= 0 || this.#waitingCount >= waitingMax || this.#stopping.signal.aborted) {
      return this.find(name);
    }
    const identity = identityOf(name);
    const { promise, resolve } = Promise.withResolvers<RequestCompletion | undefined>();
    const giveUp = (): void => resolve(undefined);
    const cancel = clock.after(waitMs, giveUp);
    signal?.addEventListener("abort", giveUp);
    this.#stopping.signal.addEventListener("abort", giveUp);
    this.#add(identity, resolve);
    try {
      // Looked up after it is waited for: what is completed in between is told, or found.
      const found = (await this.find(name)) ?? (await promise);
      if (found !== undefined || signal?.aborted === true) return found;
      return await this.find(name);
    } finally {
      cancel();
      signal?.removeEventListener("abort", giveUp);
      this.#stopping.signal.removeEventListener("abort", giveUp);
      this.#remove(identity, resolve);
    }
  }

  /** Callers that wait now. */
  get waitingCount(): number {
    return this.#waitingCount;
  }

  /** Ends every wait, then leaves the group. */
  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#follower;
    await this.#subscription.close();
  }

  #add(identity: string, told: Told): void {
    this.#waitingCount++;
    const others = this.#waiting.get(identity);
    if (others === undefined) this.#waiting.set(identity, new Set([told]));
    else others.add(told);
  }

  #remove(identity: string, told: Told): void {
    this.#waitingCount--;
    const others = this.#waiting.get(identity);
    others?.delete(told);
    if (others?.size === 0) this.#waiting.delete(identity);
  }

  /** Sees what any process of this service notes; goes on after an interruption, until closed. */
  async #follow(): Promise<void> {
    const { bus, clock } = this.#parts;
    const { signal } = this.#stopping;
    const ignore = (): void => undefined;
    const from = { from: "latest", follow: true, signal } as const;
    const options = { ...from, onGap: ignore, onUnreadable: ignore };
    while (!signal.aborted) {
      try {
        for await (const message of bus.read(RequestCompleted, options)) {
          const { data, tenant } = message;
          this.#tell(identityOf({ requestId: data.requestId, tenant }), data);
        }
      } catch (error) {
        if (error instanceof ClosedError) this.#stopping.abort();
        else await delay(clock, followAgainMs, signal).catch(ignore);
      }
    }
  }

  #tell(identity: string, completion: RequestCompletion): void {
    if (this.#recent.size >= recentMax) {
      const [oldest] = this.#recent.keys();
      if (oldest !== undefined) this.#recent.delete(oldest);
    }
    this.#recent.set(identity, completion);
    for (const told of this.#waiting.get(identity) ?? []) told(completion);
  }
}

function identityOf({ requestId, tenant }: RequestName): string {
  return JSON.stringify([requestId, tenant]);
}
