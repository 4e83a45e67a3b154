// Definitions of events that must not compile, each for one reason.
import { defineEvent, upcastFrom } from "spillway";
import { z } from "zod";
import { MovedV1, OrderPlaced } from "../right/contracts.ts";

const order = z.object({ orderId: z.string(), cents: z.int() });
const moved = z.object({ street: z.string(), city: z.string() });

// The name is not text.
defineEvent(7, { data: order }); // error 2345

// No schema.
defineEvent("com.acme.a", {}); // error 2345

// A description that is no validator.
defineEvent("com.acme.a", { data: { orderId: "string" } }); // error 2353

// The key is a field that the data does not have.
defineEvent("com.acme.a", { data: order, key: (data) => data.customerId }); // error 2339

// The key is a number.
defineEvent("com.acme.a", { data: order, key: (data) => data.cents }); // error 2322

// The number within the key is text.
const key = (): string => "a";
defineEvent("com.acme.a", { data: order, key, sequence: (data) => data.orderId }); // error 2322

// The key is a name and not a function.
defineEvent("com.acme.a", { data: order, key: "orderId" }); // error 2322

// The version is text.
defineEvent("com.acme.a", { data: order, version: "2" }); // error 2322

// A misspelt option.
defineEvent("com.acme.a", { data: order, ower: "orders" }); // error 2561

// A classification that does not exist.
defineEvent("com.acme.a", { data: order, classification: "secret" }); // error 2322

// The source of an upcast is a name and not a contract.
const step = upcastFrom("com.acme.a", () => ({ street: "", city: "" })); // error 2345
console.log(step);

// An upcast reads a field that the older version does not have.
defineEvent("com.acme.customer.moved", {
  version: 2,
  data: moved,
  upcasts: [upcastFrom(MovedV1, (old) => ({ street: old.street, city: "" }))], // error 2339
});

// An upcast takes the data of another contract than it names.
defineEvent("com.acme.customer.moved", {
  version: 2,
  data: moved,
  upcasts: [upcastFrom(OrderPlaced, (old) => ({ street: old.address, city: "" }))], // error 2339
});

// An upcast gives a field of the wrong kind.
defineEvent("com.acme.customer.moved", {
  version: 2,
  data: moved,
  upcasts: [upcastFrom(MovedV1, (old) => ({ street: old.address, city: 7 }))], // error 2322
});

// An upcast leaves out a field of the newer version.
defineEvent("com.acme.customer.moved", {
  version: 2,
  data: moved,
  upcasts: [upcastFrom(MovedV1, (old) => ({ street: old.address }))], // error 2322
});

// One upcast where a list is needed.
defineEvent("com.acme.customer.moved", {
  version: 2,
  data: moved,
  upcasts: upcastFrom(MovedV1, () => ({ street: "", city: "" })), // error 2740
});
