// One of several processes whose handlers keep one rate together: notes when each of them started.
// Started by shared-rate.ts.
import { setTimeout as pause } from "node:timers/promises";
import { createBus, flowControl, rateLimit } from "spillway";
import { embedded } from "spillway/embedded";
import { orders } from "../order-contract.ts";
import { rate, type SharedRateParameters, type SharedRateReport } from "./shared-rate-protocol.ts";

const { directory, seconds } = JSON.parse(process.argv[2] ?? "{}") as SharedRateParameters;
const bus = await createBus({
  name: "bench",
  transport: embedded({ directory }),
  channels: [orders],
});
const startsMs: number[] = [];
const flow = flowControl({ rates: [rateLimit({ ...rate, shared: "bank" })] });
await bus.subscribe(orders, { flow }, async () => {
  startsMs.push(Date.now());
});
const fromMs = Date.now();
await pause(seconds * 1_000);
const untilMs = Date.now();
await bus.close();
const report: SharedRateReport = { fromMs, untilMs, startsMs };
process.send?.(report);
process.disconnect?.();
