// Every broker that can be started on demand, by name.
import type { BrokerName } from "../broker-names.ts";
import type { Recipe } from "../recipe.ts";
import { kafka } from "./kafka/kafka.ts";
import { nats } from "./nats.ts";
import { postgres } from "./postgres.ts";
import { rabbitmq } from "./rabbitmq.ts";

/** How each of them is run. */
export const recipes: Readonly<Record<BrokerName, Recipe>> = { nats, postgres, rabbitmq, kafka };
