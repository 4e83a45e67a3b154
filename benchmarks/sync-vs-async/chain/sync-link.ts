// A service of the left side: an HTTP server that does its work and calls the next service. What a
// competent team does: a bounded line that refuses at once, a deadline that travels with the
// request, kept connections, retries only where something failed, and only while there is time.
import {
  CallBroken,
  CallTimeout,
  JsonClient,
} from "../../../src/demo/checkout/http/json-client.ts";
import {
  type JsonAnswer,
  type JsonRequest,
  JsonServer,
} from "../../../src/demo/checkout/http/json-server.ts";
import { NoRoom, Slots } from "../../../src/demo/checkout/http/slots.ts";
import { delay, systemClock } from "../../../src/kernel/clock.ts";
import { systemRandom } from "../../../src/kernel/random.ts";
import { capacity } from "../study-run.ts";
import type { Link, LinkPlace, StudyOrder } from "./link-protocol.ts";
import { type Work, WorkFailed } from "./work.ts";

const pauseMsFirst = 50;

/** There is no time left, or nobody waits any more. */
class TooLate extends Error {}

interface SyncCall extends StudyOrder {
  /** How long the caller still waits. */
  readonly budgetMs: number;
}

/** Starts it. */
export async function startSyncLink(
  place: LinkPlace,
  work: Work,
  complete: (id: string) => void,
): Promise<Link> {
  const { slots: slotsMax, waitingMax, connectionsMax } = capacity;
  const slots = new Slots(slotsMax, waitingMax);
  const client = new JsonClient({ clock: systemClock, connectionsMax });
  const isLast = place.index === place.chain - 1;
  let nextPort = 0;
  const handle = async (request: JsonRequest): Promise<JsonAnswer> => {
    const call = request.body as SyncCall;
    const deadlineMs = systemClock.monotonicMs() + call.budgetMs;
    await workInTime(request, work, slots, deadlineMs);
    if (isLast) {
      complete(call.id);
      return { status: 201, body: { id: call.id } };
    }
    const budgetMs = Math.floor(deadlineMs - systemClock.monotonicMs());
    if (budgetMs <= 0) throw new TooLate("there is no time left for the next service");
    const body = { ...call, budgetMs };
    return client.post({ port: nextPort, path: "/", key: call.id, body, timeoutMs: budgetMs });
  };
  const server = await JsonServer.listen((request) => handle(request).catch(refuse));
  return {
    port: server.port,
    meet: (port) => void (nextPort = port),
    async close() {
      await server.close();
      client.close();
    },
  };
}

/** Each attempt has a slot of its own: who pauses holds none. */
async function workInTime(
  request: JsonRequest,
  work: Work,
  slots: Slots,
  deadlineMs: number,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await slots.run(() => {
        const isOver = request.isAbandoned() || systemClock.monotonicMs() >= deadlineMs;
        if (isOver) throw new TooLate("nobody waits any more");
        return work.run();
      });
    } catch (error) {
      if (!(error instanceof WorkFailed) || attempt === capacity.attemptsMax) throw error;
      const pauseMs = pauseMsFirst * 2 ** attempt * systemRandom.float();
      await delay(systemClock, pauseMs);
    }
  }
}

function refuse(error: unknown): JsonAnswer {
  const isPassing = [NoRoom, TooLate, WorkFailed, CallTimeout, CallBroken].some(
    (kind) => error instanceof kind,
  );
  if (!isPassing) throw error;
  return { status: 503, body: { error: (error as Error).message } };
}
