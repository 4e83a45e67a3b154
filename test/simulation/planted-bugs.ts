// The bugs that the simulation must find: each a patch of a copy of the sources, what it stands
// for, and a seed that catches it. The plants are listed for people in
// docs/reference/planted-bugs.md.
import { deliveryPlants } from "./plants/delivery-plants.ts";
import { flowPlants } from "./plants/flow-plants.ts";
import { journalPlants } from "./plants/journal-plants.ts";
import { ownershipPlants } from "./plants/ownership-plants.ts";
import type { Plant } from "./plants/plant.ts";

/** Most seeds after which each of them must be caught. */
export const seedsToCatchMax = 2_000;

export const plants: readonly Plant[] = [
  ...journalPlants,
  ...ownershipPlants,
  ...deliveryPlants,
  ...flowPlants,
];
