// Calls clients that asked for it when their request has an outcome: a group of its own, so that an
// address that does not answer holds up nobody else. Always true: a call is owed durably before the
// answer to the command is acknowledged, and made again until the address takes it; what it refuses
// for good, or too often, is a dead letter and not lost.
import type { Bus } from "../bus/bus.ts";
import type { Subscription } from "../bus/subscription.ts";
import { Reject } from "../errors/handler-outcomes.ts";
import type { CallbackOptions } from "./accept-options.ts";
import { CallbackDue } from "./index-contracts.ts";

const retryMsMin = 1_000;
const retryMsMax = 300_000;

/** Joins the group that makes the calls. Rejects as bus.subscribe() does. */
export function makeCallbacks(bus: Bus, options: Required<CallbackOptions>): Promise<Subscription> {
  const { allow, attempts, timeoutMs } = options;
  const retry = { attempts, initialMs: retryMsMin, maxMs: retryMsMax };
  const group = `${bus.name}.http-callbacks`;
  return bus.subscribe(CallbackDue, { group, retry, timeoutMs }, async (message, context) => {
    const { url, requestId, command, outcome } = message.data;
    // Asked again: what may be called can have changed since.
    if (!allow(new URL(url))) throw new Reject(`${url} may not be called any more`);
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "idempotency-key": context.idempotencyKey,
      },
      body: JSON.stringify({ id: requestId, command, outcome }),
      redirect: "error",
      signal: context.signal,
    });
    await response.body?.cancel();
    if (response.ok) return;
    if (response.status === 410) throw new Reject(`${url} answered 410, gone`);
    throw new Error(`${url} answered ${response.status}`);
  });
}
