// Error policies whose order makes no sense, and options that exclude each other.
import {
  deadLetter,
  discard,
  errorPolicy,
  exponential,
  fallback,
  linear,
  otherwise,
  park,
  pause,
  retry,
  when,
} from "spillway";
import { bus } from "../right/bus.ts";
import { OrderPlaced } from "../right/contracts.ts";

class CardError extends Error {}
const errors = errorPolicy(otherwise(deadLetter()));

// No end, two ends, an end that is not the last rule.
errorPolicy(); // error 2345
errorPolicy(when(CardError, deadLetter())); // error 2345
errorPolicy(otherwise(deadLetter()), when(CardError, deadLetter())); // error 2345
errorPolicy(otherwise(deadLetter()), otherwise(deadLetter())); // error 2345

// A retry or a fallback without an end.
when(CardError, retry()); // error 2345
otherwise(retry(exponential(), { attempts: 3 })); // error 2345
otherwise(fallback(() => undefined)); // error 2345
retry().then(fallback(() => undefined)); // error 2345

// An action behind one that ends, or in the wrong order.
deadLetter().then(retry()); // error 2339
discard("no").then(deadLetter()); // error 2339
park().then(deadLetter()); // error 2339
pause().then(deadLetter()); // error 2339
retry().then(deadLetter()).then(park()); // error 2339
retry().then(retry().then(deadLetter())); // error 2345
fallback(() => undefined).then(pause()); // error 2345
fallback(() => undefined).then(retry().then(deadLetter())); // error 2345

// Matchers that match nothing, words and names that do not exist, a discard without a reason.
when("CARD_DECLINED", deadLetter()); // error 2345
when({ codes: ["A"] }, deadLetter()); // error 2353
when(CardError, "dead-letter"); // error 2345
exponential({ jitter: "half" }); // error 2322
linear({}); // error 2345
retry(exponential(), { tries: 3 }); // error 2353
pause({ probeMs: 5 }); // error 2353
discard(); // error 2554

// Both forms, rules that are no policy, and a stream, which is settled by hand.
await bus.subscribe(OrderPlaced, { retry: { attempts: 3 }, errors }, () => undefined); // error 2345
await bus.subscribe(OrderPlaced, { errors: otherwise(park()) }, () => 0); // error 2739
bus.messages(OrderPlaced, { errors }); // error 2353

// Batches: no size, a place among others, at most once, a handler of one message.
const batch = { messagesMax: 10 };
await bus.subscribeBatch(OrderPlaced, { group: "a" }, () => undefined); // error 2345
await bus.subscribeBatch(OrderPlaced, { batch: { waitMs: 5 } }, () => undefined); // error 2741
await bus.subscribeBatch(OrderPlaced, { batch, delivery: "at-most-once" }, () => {}); // error 2322
await bus.subscribeBatch(OrderPlaced, { batch }, async (items) => {
  console.log(items[0]?.message.data.at); // error 2339
});
