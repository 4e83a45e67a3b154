// Waits until a side has nothing left to do. Always true: it ends also where nothing moves any
// more, and says so; the ledger then shows what is missing.
import { type Clock, delay } from "../../kernel/clock.ts";
import type { DemoEvent } from "../stage/demo-event.ts";

/** How often the side is asked. */
const askMs = 250;
/** Without progress for so long it waits no longer: twice as long as any hold or lease lasts. */
const stuckMs = 60_000;

/** What is waited for, and who hears when it is in vain. */
export interface SettlingOptions {
  readonly clock: Clock;
  /** How many times as patient as usual everybody is. */
  readonly patience: number;
  /** What has not ended. */
  unsettled(): number | Promise<number>;
  tell(event: DemoEvent): void;
}

/** Resolves when nothing is unsettled, or when nothing has moved for too long. */
export async function untilSettled(options: SettlingOptions): Promise<void> {
  const { clock, patience } = options;
  const waitMs = stuckMs * Math.max(1, patience);
  let before = -1;
  let movedMs = clock.monotonicMs();
  for (;;) {
    const count = await options.unsettled();
    if (count === 0) return;
    if (count !== before) movedMs = clock.monotonicMs();
    before = count;
    if (clock.monotonicMs() - movedMs > waitMs) {
      const text = `nothing was settled for ${waitMs / 1_000} s: not waiting longer`;
      return options.tell({ mood: "bad", text });
    }
    await delay(clock, askMs);
  }
}
