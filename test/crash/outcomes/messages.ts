// The messages of the suite of outcomes: the one that fails, two later ones of its key, and one of
// another key; what handling them leaves behind; and what the services note while they run.
import { defineChannel, defineEvent } from "spillway";
import { z } from "zod";

export const Work = defineEvent("test.work", {
  data: z.object({ key: z.string(), n: z.int() }),
  key: ({ key }) => key,
});
/** One log of one range: it is fetched at once. */
export const work = defineChannel("work", { messages: [Work], partitions: 1 });

/** The effect of a message for one service. */
export const Done = defineEvent("test.work.done", {
  data: z.object({ service: z.string(), n: z.int() }),
});

export const done = defineChannel("done", { messages: [Done] });

/** The message that fails. */
export const subject = 1;
/** Later ones of its key. */
export const followers = [2, 3] as const;
/** One of another key. */
export const stranger = 4;

export const allWork = [
  { key: "a", n: subject },
  ...followers.map((n) => ({ key: "a", n })),
  { key: "b", n: stranger },
];

/** What is noted in the moment when it happens, so that it outlives a kill. */
export type Note = { readonly service: string; readonly life: number } & (
  | { readonly kind: "call" | "fallback"; readonly n: number; readonly attempt: number }
  | { readonly kind: "failed"; readonly n: number }
  | { readonly kind: "circuit"; readonly state: string }
  /** What waited was let go. */
  | { readonly kind: "let-go" }
  | { readonly kind: "state"; readonly n: number; readonly count: number }
);
