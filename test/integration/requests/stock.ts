// The commands that the tests of requests ask, and what they share.
import { channel } from "node:diagnostics_channel";
import type { TestContext } from "node:test";
import { defineCommand, defineEvent, type ReplyDiagnostics } from "spillway";
import { z } from "zod";

/** A command with two replies; what is reserved comes back as a number, from text. */
export const Reserve = defineCommand("test.stock.reserve", {
  data: z.object({ sku: z.string(), count: z.int() }),
  replies: {
    reserved: z.object({ left: z.codec(z.string(), z.int(), textToInt()) }),
    outOfStock: z.object({ left: z.int().min(0) }),
  },
});

function textToInt() {
  return { decode: (text: string) => Number(text), encode: (value: number) => String(value) };
}

/** A command without replies. */
export const Pack = defineCommand("test.parcel.pack", {
  data: z.object({ sku: z.string() }),
  replies: {},
});

/** An event that handlers give beside their reply. */
export const Reserved = defineEvent("test.stock.reserved", { data: z.object({ sku: z.string() }) });

/** The reply of a handler that has enough. */
export function reserved(left: number) {
  return Reserve.replies.reserved({ left: String(left) });
}

/** What is said on `spillway:reply` while the test runs. */
export function unawaitedAnswers(context: TestContext): ReplyDiagnostics[] {
  const heard: ReplyDiagnostics[] = [];
  const listen = (message: unknown): void => void heard.push(message as ReplyDiagnostics);
  const replies = channel("spillway:reply");
  replies.subscribe(listen);
  context.after(() => replies.unsubscribe(listen));
  return heard;
}

/** Where answers go that are kept. */
export const answersChannel = "shop.answers";

/** What a shop keeps of each answer. */
export const seenTables = { times: z.int(), answers: z.string() };

/** Which orders the stock rejects. */
export function isRejected(order: number): boolean {
  return order % 10 === 7;
}
