import assert from "node:assert/strict";
import { test } from "node:test";
import { priorities } from "../message/envelope.ts";
import type { WindowBatch } from "../delivery/window.ts";
import { VirtualClock } from "../testing/virtual-clock.ts";
import { FlowRules } from "./flow-rules.ts";
import type { SharedRates } from "./shared/shared-rates.ts";
import { SubscriptionFlow } from "./subscription-flow.ts";
import { TokenBucket } from "./token-bucket.ts";

test("one of `every` fetches begins with a lower log, in turn, while it may be overdue", () => {
  const clock = new VirtualClock();
  const priorityAgeing = { afterMs: 1_000, every: 2 };
  const rules = new FlowRules({ priorityAgeing }, clock, (rate) => new TokenBucket(rate));
  const next = (count: number) => Array.from({ length: count }, () => rules.fetchFirst());
  assert.deepEqual(next(6), [undefined, "low", undefined, "normal", undefined, "low"]);
  const lane = priorities.indexOf("low");
  rules.received({ lane, stored: { appendedAtMs: clock.wallMs() - 999 } } as WindowBatch);
  assert.deepEqual(next(4), [undefined, "normal", undefined, undefined], "low has nothing overdue");
  rules.received({ lane, stored: { appendedAtMs: clock.wallMs() - 1_000 } } as WindowBatch);
  assert.deepEqual(next(4), [undefined, "normal", undefined, "low"]);
  const plain = new FlowRules({}, clock, (rate) => new TokenBucket(rate));
  assert.equal(plain.fetchFirst(), undefined);
  const parts = { clock, order: "key", shared: {} as SharedRates } as const;
  const flow = new SubscriptionFlow({ priorityAgeing }, parts);
  assert.deepEqual([flow.fetchFirst, flow.fetchFirst], [undefined, "low"]);
});
