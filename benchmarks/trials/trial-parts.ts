// The work of the parts that trials compare: the same messages, consumed with and without what a
// trial is about. Each message is counted once, when its handler is done with it for good.
import { subscribe as listen } from "node:diagnostics_channel";
import {
  deadLetter,
  errorPolicy,
  exponential,
  flowControl,
  type MessageOptions,
  otherwise,
  park,
  pause,
  rateLimit,
  Reject,
  retry,
  type Subscription,
  type SubscribeOptions,
  when,
} from "spillway";
import { publishWindowed } from "../bare/publish.ts";
import { OrderPlaced, orders } from "../order-contract.ts";
import type { Load, PartInput, PartWork } from "../part-protocol.ts";
import { type Bus, counter, openBus, warmUp } from "../parts.ts";
import { isMarked, makeOrderOf, type Order } from "../payloads.ts";

const group = "trial";
/** How often what is held is let go. */
const releaseMs = 50;
/** How long a delayed message waits. */
const delayMs = 100;
/** How often whoever watches a service asks for its numbers. */
const statsMs = 1_000;
const tenants = 20;
const poisonReason = "the order has no currency";

function loadOf({ load, part }: PartInput): Load {
  if (load === undefined) throw new Error(`part '${part}' needs a load`);
  return load;
}

/** Keeps the processor for as long as the handler of the load does. */
function workOf({ handlerMicroseconds }: Load): () => void {
  if (handlerMicroseconds === 0) return () => undefined;
  return () => {
    const endsAt = performance.now() + handlerMicroseconds / 1_000;
    while (performance.now() < endsAt);
  };
}

function publishLoad(
  bus: Bus,
  input: PartInput,
  optionsOf: (order: Order, index: number) => MessageOptions = () => ({}),
): Promise<void> {
  const load = loadOf(input);
  const publish = (index: number): Promise<unknown> => {
    const order = makeOrderOf(load, index, input.bytes);
    return bus.publish(OrderPlaced, order, optionsOf(order, index));
  };
  return publishWindowed(publish, input.messages, input.window);
}

function fill(optionsOf?: (order: Order, index: number) => MessageOptions): PartWork {
  return async (input) => {
    const bus = await openBus(input);
    await input.go();
    await publishLoad(bus, input, optionsOf);
    await bus.close();
  };
}

/** As a service publishes that is traced and works for several tenants. */
function tracedOptions(_: Order, index: number): MessageOptions {
  const span = index.toString(16).padStart(16, "0");
  return {
    tenant: `tenant-${index % tenants}`,
    traceparent: `00-4bf92f3577b34da6${span}-00f067aa0ba902b7-01`,
  };
}

/**
 * Consumes what was filled; `begin` subscribes, and says when a message is done with. `warmed` is
 * what is on while the part warms up: what runs while the clock does should be compiled by then.
 */
function consume(
  begin: (
    bus: Bus,
    work: () => void,
    done: () => void,
    stopped: Promise<void>,
  ) => Promise<Subscription>,
  warmed: SubscribeOptions = {},
): PartWork {
  return async (input) => {
    const bus = await openBus(input);
    await warmUp(bus, input, warmed);
    await input.go();
    const subscription = await begin(bus, workOf(loadOf(input)), counter(input), input.stopped);
    await input.stopped;
    const { retried, parked } = await subscription.stats();
    await bus.close();
    return { retried, parked };
  };
}

/** Every message goes well. */
function consumeWith(options: SubscribeOptions): PartWork {
  return consume(
    (bus, work, done) =>
      bus.subscribe(orders, { group, ...options }, async () => {
        work();
        done();
      }),
    options,
  );
}

/** Marked messages fail at first; those that are held then are let go now and again. */
function consumeFailing(options: SubscribeOptions = {}): PartWork {
  return consume(async (bus, work, done) => {
    const settings = { group, ...options };
    const subscription = await bus.subscribe(orders, settings, async ({ data }, { attempt }) => {
      work();
      if (attempt === 1 && isMarked(data)) throw new Error("the bank does not answer");
      done();
    });
    const holds = options.errors?.actions.some(({ kind }) => kind === "park") === true;
    if (holds) setInterval(() => subscription.release(), releaseMs).unref();
    return subscription;
  });
}

/** Marked messages are poison. */
const consumePoison = consume((bus, work, done) =>
  bus.subscribe(orders, { group }, async ({ data }) => {
    work();
    done();
    if (isMarked(data)) throw new Reject(poisonReason);
  }),
);

/** Compares the dead letters with the messages that had to end there. */
const countPoison: PartWork = async (input) => {
  const load = loadOf(input);
  const missing = new Set<number>();
  for (let index = 0; index < input.messages; index++) {
    if (isMarked(makeOrderOf(load, index, input.bytes))) missing.add(index);
  }
  const poison = missing.size;
  const bus = await openBus(input);
  await input.go();
  let unexpected = 0;
  for await (const { origin, code, reason } of bus.deadLetters(orders, { group })) {
    const hasCause = code === "REJECTED" && reason.includes(poisonReason);
    if (!hasCause || !missing.delete(origin.offset)) unexpected++;
  }
  await bus.close();
  return { poison, missing: missing.size, unexpected };
};

/** Publishes and consumes at once; `options` are those of marked messages. */
function flowThrough(options: MessageOptions): PartWork {
  return async (input) => {
    const bus = await openBus(input);
    await input.go();
    const work = workOf(loadOf(input));
    const done = counter(input);
    await bus.subscribe(orders, { group }, async () => {
      work();
      done();
    });
    const optionsOf = (order: Order): MessageOptions => (isMarked(order) ? options : {});
    await Promise.all([publishLoad(bus, input, optionsOf), input.stopped]);
    await bus.close();
  };
}

const everything = {
  delivery: "effectively-once",
  errors: errorPolicy(
    when({ code: "ECONNREFUSED" }, pause()),
    when(TypeError, deadLetter("a mistake of the handler")),
    otherwise(retry(exponential()).then(deadLetter())),
  ),
  flow: flowControl({
    concurrency: 16,
    rates: [rateLimit({ perSecond: 1_000_000 })],
    fairness: {},
    priorityAgeing: { afterMs: 30_000 },
  }),
} as const;

/** Listens to everything that is told, continues the trace, asks for the numbers. */
function consumeWatched(options: SubscribeOptions): PartWork {
  const consuming = consume((bus, work, done, stopped) => {
    const asking = setInterval(() => void bus.stats(), statsMs);
    // A bus that closes refuses.
    void stopped.then(() => clearInterval(asking));
    return bus.subscribe(orders, { group, ...options }, async (_, { trace }) => {
      if (trace.traceparent === undefined) throw new Reject("the message has no trace");
      work();
      done();
    });
  }, options);
  return (input) => {
    let heard = 0;
    for (const name of ["publish", "deliver", "settle", "retry", "dead-letter", "log"]) {
      listen(`spillway:${name}`, () => heard++);
    }
    return consuming(input);
  };
}

/** The parts by name. */
export const trialParts: Readonly<Record<string, PartWork>> = {
  fillLoad: fill(),
  fillTraced: fill(tracedOptions),
  consumeLoad: consumeWith({}),
  consumePoison,
  countPoison,
  consumeRetried: consumeFailing(),
  consumeHeld: consumeFailing({ errors: errorPolicy(otherwise(park())) }),
  flowNow: flowThrough({}),
  flowDelayed: flowThrough({ delayMs }),
  consumeInbox: consumeWith({ delivery: everything.delivery }),
  consumePolicies: consumeWith({ errors: everything.errors }),
  consumeFlowControl: consumeWith({ flow: everything.flow }),
  consumeTelemetry: consumeWatched({}),
  consumeEverything: consumeWatched(everything),
};
