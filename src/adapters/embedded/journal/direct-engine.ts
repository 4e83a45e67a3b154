// The engine without a thread: the core is called in place and answers with settled promises.
// For simulation and unit tests, where one clock drives everything. Always true: periodic work
// runs on the given clock only, in the background, and ends with close().
import type { CancelTimer, Clock } from "../../../kernel/clock.ts";
import type { Random } from "../../../kernel/random.ts";
import { JournalCore } from "./core.ts";
import type { Engine, EngineNotice, EngineRequestKind, EngineRequests } from "./engine.ts";

/** Longest time between two ticks. */
const tickMsMax = 200;

/** Creates an engine whose core runs in the calling thread. */
export function createDirectEngine(environment: {
  readonly clock: Clock;
  readonly random: Random;
}): Engine {
  const { clock, random } = environment;
  let cancelTick: CancelTimer = () => undefined;
  let ended = false;
  let ticks = 0;
  const core = new JournalCore({
    clock,
    random,
    bell: "",
    onNotice: (notice) => engine.onNotice(notice),
    // The core and main share one event loop: where one turns, the other does.
    progress: () => ticks,
  });
  const schedule = (waitMs: number): void => {
    cancelTick();
    if (ended) return;
    const delayMs = Math.max(1, Math.min(waitMs, tickMsMax));
    cancelTick = clock.after(delayMs, turn, { background: true });
  };
  const turn = (): void => {
    ticks++;
    try {
      schedule(core.tick());
    } catch (error) {
      ended = true;
      engine.onStopped(error);
    }
  };
  const engine: Engine = {
    onNotice: (_notice: EngineNotice) => undefined,
    onStopped: (_cause: unknown) => undefined,
    async request<Kind extends EngineRequestKind>(
      kind: Kind,
      request: EngineRequests[Kind]["request"],
    ): Promise<EngineRequests[Kind]["answer"]> {
      const answer = core.handle(kind, request);
      if (kind === "close") {
        ended = true;
        cancelTick();
      } else schedule(core.waitMs());
      return answer;
    },
    progress: () => undefined,
    terminate() {
      ended = true;
      cancelTick();
      core.handle("close", {});
      return Promise.resolve();
    },
  };
  return engine;
}
