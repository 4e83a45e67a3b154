// The receiver: takes recorded deliveries as if GitHub had just sent them, validates and
// publishes each as an event of its kind, and keeps its own list of what was acknowledged. Some
// senders repeat a delivery because they missed the answer; the repeat has the same id and is
// stored once. Always true: a delivery counts as received only after its publish resolved.
import type { Bus } from "../../bus/bus.ts";
import { type Clock, delay } from "../../kernel/clock.ts";
import { newId } from "../../kernel/id.ts";
import { type Random, seededRandom } from "../../kernel/random.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";
import type { DeliveryLog, LoggedDelivery } from "./delivery-log.ts";
import {
  type AnyDelivery,
  contractByEvent,
  type DeliveryContract,
  subjectOf,
} from "./github-contracts.ts";
import type { RecordedDelivery } from "./recorded-deliveries.ts";
import { numberAttribute } from "./services.ts";

/** Publishes that may wait for their receipts together. */
export const windowMax = 128;
/** Share of the deliveries that their sender repeats. */
const repeatShare = 0.03;

/** What a receiver needs. */
export interface ReceiverOptions {
  readonly bus: Bus;
  readonly log: DeliveryLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly seed: number;
  readonly deliveries: readonly RecordedDelivery[];
  readonly loops: number;
  /** Deliveries a second; undefined: as fast as they are stored. */
  readonly perSecond: number | undefined;
  readonly signal: AbortSignal;
}

interface Incoming {
  readonly logged: LoggedDelivery;
  readonly contract: DeliveryContract["contract"];
  readonly payload: AnyDelivery;
  readonly number: number;
  /** Whether its sender sends it twice. */
  readonly repeated: boolean;
}

/** Replays deliveries; its counts may be read while it runs. */
export class Receiver {
  /** Deliveries whose storing was acknowledged. */
  received = 0;
  /** Repeats that were recognized and not stored again. */
  repeats = 0;
  readonly #options: ReceiverOptions;
  readonly #chance: Random;

  constructor(options: ReceiverOptions) {
    this.#options = options;
    this.#chance = seededRandom(options.seed);
  }

  /** How many there are to receive. */
  get total(): number {
    return this.#options.deliveries.length * this.#options.loops;
  }

  /** Receives all of them, or as many as come before the signal fires. */
  async run(): Promise<void> {
    const { clock, perSecond, signal } = this.#options;
    const startMs = clock.monotonicMs();
    for (let at = 0; at < this.total && !signal.aborted; ) {
      const count = await this.#dueNow(at, startMs, perSecond);
      if (count === 0) continue;
      await this.#receive(Array.from({ length: count }, (_, index) => this.#incoming(at + index)));
      at += count;
    }
  }

  /** How many deliveries come in now; waits until it is at least one, or the signal fires. */
  async #dueNow(at: number, startMs: number, perSecond: number | undefined): Promise<number> {
    const { clock, signal } = this.#options;
    const left = Math.min(windowMax, this.total - at);
    if (perSecond === undefined) return left;
    const dueMs = startMs + (at / perSecond) * 1_000;
    const waitMs = dueMs - clock.monotonicMs();
    if (waitMs > 0) await delay(clock, waitMs, signal).catch(() => undefined);
    if (signal.aborted) return 0;
    const arrived = Math.floor(((clock.monotonicMs() - startMs) / 1_000) * perSecond) + 1 - at;
    return Math.max(1, Math.min(left, arrived));
  }

  #incoming(number: number): Incoming {
    const { deliveries, clock, random } = this.#options;
    const { event, payload } = deliveries[number % deliveries.length] as RecordedDelivery;
    const found = contractByEvent.get(event);
    if (found === undefined) {
      throw new SpillwayError("UNKNOWN_TYPE", `no contract for deliveries of kind '${event}'`);
    }
    const key = subjectOf(payload as AnyDelivery);
    return {
      logged: { id: newId(clock, random), channel: found.channel, key },
      contract: found.contract,
      payload: payload as AnyDelivery,
      number,
      repeated: this.#chance.float() < repeatShare,
    };
  }

  async #receive(incoming: readonly Incoming[]): Promise<void> {
    const { log } = this.#options;
    log.offered(incoming.map(({ logged }) => logged));
    await Promise.all(
      incoming.flatMap((each) =>
        each.repeated ? [this.#publish(each), this.#publish(each)] : this.#publish(each),
      ),
    );
    log.stored(incoming.map(({ logged }) => logged.id));
    this.received += incoming.length;
  }

  async #publish({ contract, payload, logged, number }: Incoming): Promise<void> {
    const receipt = await this.#options.bus.publish(contract, payload, {
      id: logged.id,
      extensions: { [numberAttribute]: number },
    });
    if (receipt.duplicate) this.repeats++;
  }
}
