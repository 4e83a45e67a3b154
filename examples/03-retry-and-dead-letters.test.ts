// Four ways in which a handler can end, and what becomes of the message each time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createBus } from "spillway";
import { memory } from "spillway/memory";
import { type SeenCall, scenario, VirtualClock } from "spillway/testing";
import { MailRequested, startMailer } from "./03-retry-and-dead-letters.ts";

test("what cannot be sent is set aside, and holds nothing else up", async () => {
  const clock = new VirtualClock();
  await using bus = await createBus({ name: "mailer", transport: memory(), clock });
  const sent: string[] = [];
  await startMailer(
    bus,
    () => undefined,
    (address) => sent.push(address),
  );

  using story = await scenario(bus);
  for (const address of ["slow", "unknown", "broken", "wanted"]) {
    await story.publish(MailRequested, { address });
  }
  await story.settled();
  assert.deepEqual(sent, ["wanted", "slow"]);
  const to =
    (address: string) =>
    ({ message }: SeenCall) =>
      message.key === address;
  story.assertRetried(MailRequested, { times: 1, where: to("slow") });
  story.assertRetried(MailRequested, { times: 2, where: to("broken") });
  story.assertRetried(MailRequested, { times: 0, where: to("unknown") });
  const letters = story.assertDeadLettered(MailRequested, { times: 2 });
  assert.deepEqual(
    new Set(letters.map(({ envelope }) => envelope.key)),
    new Set(["broken", "unknown"]),
  );
});
