// The combinations that everything in this folder must hold for: transport, order and delivery.
import { test, type TestContext } from "node:test";
import type { DeliveryOptions } from "../../../src/delivery/delivery-options.ts";
import type { CircuitStatus } from "../../../src/recovery/circuit.ts";
import type { ErrorPolicy } from "../../../src/recovery/error-policy.ts";
import { recoveryFor } from "../../../src/recovery/subscription-recovery.ts";
import { directJournal, numberOf, World } from "../delivery/world.ts";

/** What a test gets besides its world. */
export type Combination = Pick<DeliveryOptions, "order" | "delivery">;

/** Options of a subscription with this policy. */
export function withPolicy(
  world: World,
  policy: ErrorPolicy,
  concurrency = 16,
): Partial<DeliveryOptions> & { readonly circuits: () => readonly CircuitStatus[] } {
  const { clock, random } = world;
  const scope = { channel: "orders", group: "g", concurrency, clock, random };
  return { ...recoveryFor({ errors: policy }, scope), concurrency };
}

/** The number in the data of a stored message. */
export function numberIn(payload: string | Uint8Array): number {
  return numberOf({ data: JSON.parse(String(payload)) });
}

/** A world on one of the transports; it is closed with the test. */
export async function openOn(
  name: "memory" | "embedded",
  context: TestContext,
  ...channels: readonly string[]
): Promise<World> {
  const world =
    name === "memory"
      ? await World.open(...channels)
      : await World.on(directJournal(context), ...channels);
  context.after(() => world.close());
  return world;
}

/** Registers one test for each transport, order and delivery. */
export function testEach(
  name: string,
  run: (world: World, options: Combination, context: TestContext) => Promise<void>,
): void {
  for (const transport of ["memory", "embedded"] as const) {
    for (const order of ["key", "none"] as const) {
      for (const delivery of ["at-least-once", "effectively-once"] as const) {
        test(`${transport}, ${order}, ${delivery}: ${name}`, async (context) => {
          const world = await openOn(transport, context);
          await run(world, { order, delivery }, context);
        });
      }
    }
  }
}
