// rabbitmq-server. A quorum queue confirms what is synced to its write-ahead log.
import { findBroker, startBroker } from "../../../src/testing/index.ts";
import { serverOf, type StartBroker } from "./broker-server.ts";

/** Starts it. */
export const startRabbitmq: StartBroker = async (parentDirectory) => {
  if (findBroker("rabbitmq").missing !== undefined) return undefined;
  return serverOf(
    await startBroker("rabbitmq", { parentDirectory }),
    "quorum queue, confirmed when its log is synced (the default of such a queue)",
  );
};
