// Worker handlers fit subscriptions with and without state, and the commands whose replies they
// list.
import type { Bus } from "spillway";
import { defineCommand, defineEvent, workerHandler } from "spillway";
import { z } from "zod";

declare const bus: Bus;
const module = new URL("./count.ts", import.meta.url);
const Count = defineCommand("page.count", {
  data: z.object({ text: z.string() }),
  replies: { counted: z.object({ words: z.int() }), empty: z.object({}) },
});
const Noted = defineEvent("page.noted", { data: z.object({}) });

void bus.handle(Count, workerHandler(module, { returns: [Count] }));
void bus.handle(Count, { concurrency: 2 }, workerHandler(module, { returns: [Noted, Count] }));
void bus.subscribe(Noted, workerHandler(module));
const stateful = bus.subscribe(
  Noted,
  { delivery: "effectively-once", state: { pages: z.int() } },
  workerHandler(module, { returns: [Noted], threadsMax: 2 }),
);
void stateful.then(async ({ state }) => {
  const pages: number | undefined = await state.pages.get("all");
  return pages;
});
