// nats-server with JetStream on files. From 2.10 on it can be told to sync before it acknowledges.
import { findBroker, startBroker } from "../../../src/testing/index.ts";
import { serverOf, type StartBroker } from "./broker-server.ts";

/** Starts it. */
export const startNats: StartBroker = async (parentDirectory) => {
  const { missing, version = "" } = findBroker("nats");
  if (missing !== undefined) return undefined;
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const canSync = major > 2 || (major === 2 && minor >= 10);
  const config = canSync ? "jetstream { sync_interval: always }\n" : "";
  return serverOf(
    await startBroker("nats", { parentDirectory, config }),
    canSync
      ? "sync_interval: always (not its default, which syncs every two minutes)"
      : "NOT on disk when acknowledged: it syncs every two minutes, and only 2.10 and later can " +
          "be told otherwise",
  );
};
