// Consumer-driven contracts: what is read is recorded, and a producer that no longer supplies it is
// told whom it breaks, and where.
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { defineEvent } from "../../contracts/event.ts";
import { fakeMessage } from "../fakes/fake-message.ts";
import { brokenConsumers } from "./broken-consumers.ts";
import { consumerFieldsMax, ConsumerReads } from "./consumer-reads.ts";

const Placed = defineEvent("order.placed", {
  version: 2,
  data: z.object({
    id: z.string(),
    note: z.string().optional(),
    customer: z.object({ name: z.string(), age: z.int() }),
    lines: z.array(z.object({ sku: z.string(), count: z.int() })),
  }),
});
const example = {
  id: "7",
  customer: { name: "Ada", age: 36 },
  lines: [
    { sku: "tea", count: 1 },
    { sku: "cup", count: 2 },
  ],
};

function recorded() {
  const reads = new ConsumerReads("billing");
  const { data } = reads.watch(fakeMessage(Placed, example));
  const text = `${data.customer.name} ${data.lines.map(({ sku }) => sku).join(" ")} ${data.note}`;
  assert.equal(text, "Ada tea cup undefined");
  return reads.toJSON();
}

test("fields are recorded by their path, with contract and version, without values", () => {
  assert.deepEqual(JSON.parse(JSON.stringify(recorded())), {
    consumer: "billing",
    contracts: [
      {
        type: "order.placed",
        version: 2,
        fields: ["customer", "customer.name", "lines", "lines[]", "lines[].sku"],
        optional: ["note"],
      },
    ],
  });
});

test("a producer that supplies everything breaks nobody, whatever else it leaves out", () => {
  assert.deepEqual(brokenConsumers([recorded()], [{ contract: Placed, examples: [example] }]), []);
  const slimmer = defineEvent("order.placed", {
    version: 2,
    data: z.object({
      customer: z.object({ name: z.string() }),
      lines: z.array(z.object({ sku: z.string() })),
    }),
  });
  const examples = [{ customer: { name: "A" }, lines: [{ sku: "tea" }] }];
  assert.deepEqual(brokenConsumers([recorded()], [{ contract: slimmer, examples }]), []);
});

test("a field that is gone is named, with consumer and version", () => {
  const renamed = defineEvent("order.placed", {
    version: 2,
    data: z.object({
      customer: z.object({ fullName: z.string() }),
      lines: z.array(z.object({ sku: z.string().optional() })),
    }),
  });
  const examples = [{ customer: { fullName: "A" }, lines: [{ sku: "tea" }, {}] }];
  const broken = brokenConsumers([recorded()], [{ contract: renamed, examples }]);
  assert.deepEqual(
    broken.map(({ consumer, version, field }) => [consumer, version, field]),
    [
      ["billing", 2, "customer.name"],
      ["billing", 2, "lines[].sku"],
    ],
  );
  assert.match(broken[0]?.message ?? "", /'billing' reads 'customer.name' of 'order.placed' ver/);
});

test("a version that is gone is named; contracts of other producers are not", () => {
  const newer = defineEvent("order.placed", { version: 3, data: z.object({ id: z.string() }) });
  const [broken] = brokenConsumers([recorded()], [{ contract: newer, examples: [{ id: "7" }] }]);
  assert.equal(broken?.field, undefined);
  assert.match(broken?.message ?? "", /version 2, which is not published any more/);
  const other = defineEvent("other.thing", { data: z.object({}) });
  assert.deepEqual(brokenConsumers([recorded()], [{ contract: other, examples: [{}] }]), []);
  const [none] = brokenConsumers([recorded()], [{ contract: Placed, examples: [] }]);
  assert.match(none?.message ?? "", /has no example/);
});

test("an example that its own schema refuses is an error, and fields are bounded", () => {
  const produced = [{ contract: Placed, examples: [{ id: 7 }] }];
  assert.throws(() => brokenConsumers([], produced), /data of 'order.placed'/);
  const Wide = defineEvent("wide", { data: z.record(z.string(), z.int()) });
  const { data } = new ConsumerReads("billing").watch(fakeMessage(Wide, {}));
  for (let field = 0; field < consumerFieldsMax; field++)
    assert.equal(data[`f${field}`], undefined);
  assert.throws(() => data["more"], /more than 1000 fields of 'wide'/);
});

test("a name, or the text of a file, is not taken for a consumer", () => {
  assert.throws(() => new ConsumerReads(""), /give the consumer's name/);
  const unread = JSON.parse('["{}"]') as never[];
  assert.throws(() => brokenConsumers(unread, []), /through JSON.parse\(\) first/);
});
