// Worker handlers that do not fit: what they give follows from the contracts they list.
import type { Bus } from "spillway";
import { defineCommand, defineEvent, workerHandler } from "spillway";
import { z } from "zod";

declare const bus: Bus;
const module = new URL("./count.ts", import.meta.url);
const Count = defineCommand("page.count", {
  data: z.object({ text: z.string() }),
  replies: { counted: z.object({ words: z.int() }) },
});
const Pack = defineCommand("parcel.pack", {
  data: z.object({}),
  replies: { packed: z.object({ kg: z.int() }) },
});
const Noted = defineEvent("page.noted", { data: z.object({}) });

void bus.handle(Count, workerHandler(module)); // error 2345
void bus.handle(Count, workerHandler(module, { returns: [Noted] })); // error 2345
void bus.handle(Count, workerHandler(module, { returns: [Pack] })); // error 2345
workerHandler("./count.ts"); // error 2345
workerHandler(module, { returns: Noted }); // error 2740
workerHandler(module, { threads: 2 }); // error 2353
