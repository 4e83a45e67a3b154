// A transport around any other one that misbehaves as brokers and networks do: answers that are
// lost, connections that end, slowness, repeats. Owns which calls. Always true: every fault is one
// that the port allows, so that whoever keeps to the port loses nothing; faults end at `faultsMax`
// and with abort().
import { assertKnownOptions, optionNames } from "../../errors/known-options.ts";
import type { OutgoingBatch } from "../../message/outgoing-batch.ts";
import type { AppendResult, Consumer, ConsumerOptions, Transport } from "../../ports/transport.ts";
import { FaultSource, type FaultTransportOptions, interrupted } from "./fault-source.ts";
import { FaultyConsumer } from "./faulty-consumer.ts";

const known = optionNames<FaultTransportOptions>({
  seed: true,
  share: true,
  faults: true,
  faultsMax: true,
  delayMsMax: true,
});

/** A transport with faults: everything that the inner one has, and what is injected. */
export type FaultTransport = Transport & {
  /** Faults injected so far, by kind. */
  readonly faultCounts: Readonly<Record<string, number>>;
  /** No more faults from now on. */
  abortFaults(): void;
};

/**
 * Wraps a transport and injects seeded, bounded, counted faults, so that tests of a service meet
 * lost answers, ended connections, delays and repeats. Everything else is the inner transport's.
 * Throws INVALID_ARGUMENT.
 *
 * @example
 * import { createBus, defineEvent, SpillwayError } from "spillway";
 * import { memory } from "spillway/memory";
 * import { faultTransport } from "spillway/testing";
 * import { z } from "zod";
 * const Placed = defineEvent("order.placed", { data: z.object({ id: z.string() }) });
 * const transport = faultTransport(memory(), { seed: 7, share: 1, faults: ["append-unanswered"] });
 * await using bus = await createBus({ name: "shop", transport });
 * const publish = () => bus.publish(Placed, { id: "7" }, { id: "order-7" });
 * const failed = await publish().catch((error: unknown) => error);
 * console.log(failed instanceof SpillwayError && failed.certainty); // indefinite
 * transport.abortFaults();
 * console.log((await publish()).duplicate); // true: it had been stored
 */
export function faultTransport(inner: Transport, options: FaultTransportOptions): FaultTransport {
  assertKnownOptions(options, known, "faultTransport");
  const source = new FaultSource(options);
  const own: Partial<Record<PropertyKey, unknown>> = {
    open(environment: Parameters<Transport["open"]>[0]) {
      source.clock = environment.clock;
      return inner.open(environment);
    },
    append: (batches: readonly OutgoingBatch[]) => append(inner, source, batches),
    async consume(consumerOptions: ConsumerOptions): Promise<Consumer> {
      return new FaultyConsumer(await inner.consume(consumerOptions), source);
    },
    abortFaults: () => source.abort(),
  };
  // Everything else is asked of the inner transport, as it is at that moment.
  return new Proxy(inner, {
    get(target, name) {
      if (name === "faultCounts") return source.counts();
      if (name in own) return own[name];
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return (...words: readonly unknown[]): unknown => Reflect.apply(value, target, words);
    },
  }) as FaultTransport;
}

async function append(
  inner: Transport,
  source: FaultSource,
  batches: readonly OutgoingBatch[],
): Promise<readonly AppendResult[]> {
  const fault = source.next(
    "append",
    (each) => each !== "append-repeated" || batches.every((batch) => areGiven(batch)),
  );
  if (fault === "append-lost") throw interrupted("the append was lost", "indefinite");
  if (fault === "append-delayed") await source.delay();
  const results = await inner.append(batches);
  if (fault === "append-unanswered") throw interrupted("its answer was lost", "indefinite");
  return fault === "append-repeated" ? inner.append(batches) : results;
}

/** Whether storing the batch again stores nothing. */
function areGiven(batch: OutgoingBatch): boolean {
  for (let index = 0; index < batch.count; index++) if (!batch.idGivenAt(index)) return false;
  return true;
}
