// The notifier's downstream: an imagined chat service that goes down once and comes back, and that
// does not know some addressees at all. It knows nothing of messages.
import { type Clock, delay } from "../../kernel/clock.ts";
import { seededRandom } from "../../kernel/random.ts";

/** When it fails. */
export interface DownstreamOptions {
  readonly clock: Clock;
  readonly seed: number;
  /** The outage begins with this call. */
  readonly outageAtCall: number;
  readonly outageMs: number;
  /** How long one call takes. */
  readonly callMs: number;
  /** Told when it goes down and when it is back. */
  readonly onChange: (up: boolean) => void;
}

/** What a call comes to. */
export type CallResult = "accepted" | "unavailable" | "unknown-addressee";

/** Share of the notifications whose addressee does not exist. */
const unknownShare = 0.04;

/** A chat service that is not always there. */
export class Downstream {
  readonly #options: DownstreamOptions;
  #calls = 0;
  #state: "before" | "down" | "after" = "before";
  #upAgainMs = 0;

  constructor(options: DownstreamOptions) {
    this.#options = options;
  }

  /** Calls it for the delivery with this number; the same number is answered alike each time. */
  async call(number: number, signal: AbortSignal): Promise<CallResult> {
    const { clock, callMs, seed } = this.#options;
    this.#calls++;
    this.#move();
    if (callMs > 0) await delay(clock, callMs, signal);
    if (this.#state === "down") return "unavailable";
    const share = seededRandom(Math.imul(seed ^ number, 0x9e3779b1)).float();
    return share < unknownShare ? "unknown-addressee" : "accepted";
  }

  #move(): void {
    const { clock, outageAtCall, outageMs, onChange } = this.#options;
    if (this.#state === "before" && this.#calls >= outageAtCall) {
      this.#state = "down";
      this.#upAgainMs = clock.monotonicMs() + outageMs;
      onChange(false);
    } else if (this.#state === "down" && clock.monotonicMs() >= this.#upAgainMs) {
      this.#state = "after";
      onChange(true);
    }
  }
}
