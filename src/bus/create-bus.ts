// The entry: checks the options, opens the transport, declares the channels, and hands out a bus.
// Always true: where it rejects, the transport is closed again.
import type { Bus } from "./bus.ts";
import { type BusOptions, settingsOf } from "./bus-options.ts";
import { assertSupported } from "./capability-checks.ts";
import { ChannelRegistry } from "./channel-registry.ts";
import { RunningBus } from "./running-bus.ts";

/**
 * Creates a bus: opens the transport and declares `channels`. Close it, or let `await using` do so.
 * Rejects with INVALID_ARGUMENT, INVALID_NAME, UNSUPPORTED, CHANNEL_CONFLICT, CONTRACT_CONFLICT, or
 * what the transport reports.
 *
 * @example
 * import { createBus, defineEvent } from "spillway";
 * import { memory } from "spillway/memory";
 * import { z } from "zod";
 * const OrderPlaced = defineEvent("com.acme.order.placed", { data: z.object({ id: z.string() }) });
 * await using bus = await createBus({ name: "billing", transport: memory() });
 * await bus.subscribe(OrderPlaced, async (message) => {
 *   console.log(message.data.id); // 7
 * });
 * await bus.publish(OrderPlaced, { id: "7" });
 */
export async function createBus(options: BusOptions): Promise<Bus> {
  const settings = settingsOf(options);
  const { transport, channels, clock, random, name } = settings;
  if (settings.replies.strategy === "temporary-channel") {
    assertSupported(transport, "channelRemoval", "replies: { strategy: 'temporary-channel' }");
  }
  const registry = new ChannelRegistry(transport);
  for (const channel of channels) registry.register(channel);
  await transport.open({ clock, random, name });
  try {
    for (const entry of registry.entries) await entry.declare();
  } catch (error) {
    await transport.close();
    throw error;
  }
  return new RunningBus(settings, registry);
}
