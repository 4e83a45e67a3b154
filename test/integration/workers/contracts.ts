// What the tests of worker handlers send and return.
import { defineCommand, defineEvent } from "spillway";
import { z } from "zod";

export const Scanned = defineEvent("page.scanned", {
  data: z.object({ page: z.string(), text: z.string(), at: z.date().optional() }),
  key: ({ page }) => page,
});
export const Counted = defineEvent("page.counted", {
  data: z.object({ page: z.string(), words: z.int() }),
});
export const Noted = defineEvent("page.noted", { data: z.object({ page: z.string() }) });
export const Count = defineCommand("page.count", {
  data: z.object({ text: z.string() }),
  replies: { counted: z.object({ words: z.int() }), empty: z.object({}) },
});
export const wordsOf = z.int();
