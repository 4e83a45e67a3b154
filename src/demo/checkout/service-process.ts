// One process of one service, of either side: it starts what it is told to be, reports its numbers,
// and ends with the main process. Always true: SIGINT does not end it, because Ctrl-C reaches every
// process of the terminal and only the main one decides.
import { SpillwayError } from "../../errors/spillway-error.ts";
import { delay } from "../../kernel/clock.ts";
import type { RunningService, ServiceHost } from "./running-service.ts";
import type { Peers, StartOrder } from "./service-protocol.ts";
import { startSpillwayService } from "./spillway/services.ts";
import { startSyncService } from "./sync/services.ts";

/** How often numbers are reported. */
const reportMs = 200;

/** Runs until it is told to drain, or until the main process has gone. */
export async function runServiceProcess(host: ServiceHost): Promise<void> {
  let service: RunningService | undefined;
  let starting: Promise<void> | undefined;
  let peers: Peers | undefined;
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const fail = (error: unknown): void => {
    const code = error instanceof SpillwayError ? error.code : "UNEXPECTED";
    const message = error instanceof Error ? error.message : String(error);
    host.send({ kind: "failed", code, message });
    end();
  };
  const start = async (order: StartOrder): Promise<void> => {
    service = await startService(host, order);
    if (peers !== undefined) service.meet(peers);
    host.send({ kind: "ready", ...(service.port !== undefined && { port: service.port }) });
    void reportNumbers(host, service, ended);
  };
  const gone = host.orders((order) => {
    if (order.kind === "start") starting = start(order).catch(fail);
    else if (order.kind === "drain") end();
    else if (order.kind === "calm") service?.calm();
    else {
      ({ peers } = order);
      service?.meet(peers);
    }
  });
  await Promise.race([ended, gone]);
  end();
  // What is still being started would live on for good.
  await starting;
  await service?.close();
}

function startService(host: ServiceHost, order: StartOrder): Promise<RunningService> {
  return order.side === "sync" ? startSyncService(host, order) : startSpillwayService(host, order);
}

async function reportNumbers(
  host: ServiceHost,
  service: RunningService,
  ended: Promise<void>,
): Promise<void> {
  let isOver = false;
  void ended.then(() => (isOver = true));
  while (!isOver) {
    const { user, system } = process.cpuUsage();
    const numbers = { ...service.numbers(), processorMs: (user + system) / 1_000 };
    host.send({ kind: "numbers", numbers });
    await Promise.race([ended, delay(host.clock, reportMs)]);
  }
}
