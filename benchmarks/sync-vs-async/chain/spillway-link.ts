// A service of the right side: it reads its channel, does its work, and returns the event that the
// next service reads; the bus stores both together. The first one has the door, too: an HTTP server
// that stores an order and says so.
import { BackPressureError, createBus, defineChannel, defineEvent } from "spillway";
import { embedded } from "spillway/embedded";
import { z } from "zod";
import { JsonServer } from "../../../src/demo/checkout/http/json-server.ts";
import { capacity } from "../study-run.ts";
import type { Link, LinkPlace, StudyOrder } from "./link-protocol.ts";
import type { Work } from "./work.ts";

const order = z.object({ id: z.string(), cents: z.int(), note: z.string() });
/** What is tried again until it works: a quarter of an hour of an outage. */
const retry = { attempts: 1_000, initialMs: 50, maxMs: 1_000 } as const;

/** What the service at this place reads. */
function stepAt(index: number) {
  const OrderArrived = defineEvent(`study.order.arrived.${index}`, {
    data: order,
    key: ({ id }) => id,
  });
  const channel = defineChannel(`study.step.${index}`, { messages: [OrderArrived] });
  return { OrderArrived, channel };
}

/** Starts it. */
export async function startSpillwayLink(
  place: LinkPlace,
  work: Work,
  complete: (id: string) => void,
): Promise<Link> {
  const steps = Array.from({ length: place.chain }, (_, index) => stepAt(index));
  const own = steps[place.index] as ReturnType<typeof stepAt>;
  const next = steps[place.index + 1];
  const bus = await createBus({
    name: `study-${place.index}`,
    transport: embedded({ directory: place.directory }),
    channels: steps.map(({ channel }) => channel),
    shutdownSignals: [],
  });
  await bus.subscribe(
    own.channel,
    {
      group: "service",
      delivery: "effectively-once",
      concurrency: capacity.slots,
      order: "none",
      retry,
    },
    async (message) => {
      await work.run();
      if (next !== undefined) return next.OrderArrived.message(message.data);
      complete(message.data.id);
      return undefined;
    },
  );
  const door = place.index === 0 ? await openDoor(bus, own.OrderArrived) : undefined;
  return {
    port: door?.port,
    meet: () => undefined,
    async close() {
      await door?.close();
      await bus.close();
    },
  };
}

function openDoor(
  bus: Awaited<ReturnType<typeof createBus>>,
  event: ReturnType<typeof stepAt>["OrderArrived"],
): Promise<JsonServer> {
  return JsonServer.listen(async ({ body }) => {
    const { id, cents, note } = body as StudyOrder;
    try {
      await bus.publish(event, { id, cents, note }, { id });
      return { status: 202, body: { id } };
    } catch (error) {
      if (!(error instanceof BackPressureError)) throw error;
      return { status: 503, body: { error: error.message } };
    }
  });
}
