// Orders of the user's own: CSV and JSON, columns by whatever name, and every bad record named.
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import type { Order } from "../../../demo/checkout/orders/order.ts";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import { CsvSplitter } from "./csv-splitter.ts";
import { type ColumnNames, parseColumns } from "./order-columns.ts";
import { type BadLine, OrderInput, recordMax } from "./order-input.ts";

const recordsOf = (text: string, chunkBytes: number): unknown[] => {
  const splitter = new CsvSplitter(40);
  const bytes = Buffer.from(text);
  const records: unknown[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    records.push(...splitter.push(bytes.subarray(at, at + chunkBytes)));
  }
  return [...records, ...splitter.end()];
};

test("CSV is cut alike wherever the chunks end", () => {
  const text = '\uFEFFa;b\r\n"1;\n""x""";é\n\n;\n"open ""';
  const whole = [
    { line: 1, fields: ["a", "b"] },
    { line: 2, fields: ['1;\n"x"', "é"] },
    { line: 5, fields: ["", ""] },
    { line: 6, problem: "a quote is opened and never closed" },
  ];
  for (const chunkBytes of [1, 2, 3, 7, 1_000])
    assert.deepEqual(recordsOf(text, chunkBytes), whole);
});

test("a record that is too long is named, and the next one is read", () => {
  const long = "x".repeat(50);
  for (const bad of [long, `"${long}\n${long}`]) {
    assert.deepEqual(recordsOf(`a,b\n1,${bad}\n2,3\n`, 4).slice(1, 2), [
      { line: 2, problem: "longer than 40 characters" },
    ]);
  }
  assert.deepEqual(recordsOf(`a,b\n1,${long}\n2,3`, 4).at(-1), { line: 3, fields: ["2", "3"] });
});

interface ReadOrders {
  readonly orders: Order[];
  readonly bad: BadLine[];
}

async function readAll(text: string, columns: ColumnNames = {}): Promise<ReadOrders> {
  const bad: BadLine[] = [];
  const chunks = Readable.from([Buffer.from(text)]);
  const input = await OrderInput.open(
    { name: "orders", bytes: undefined, chunks },
    columns,
    (each) => bad.push(each),
  );
  const orders: Order[] = [];
  for (let order = await input.next(); order !== undefined; order = await input.next()) {
    orders.push(order);
  }
  assert.equal(input.skipped, bad.length);
  return { orders, bad };
}

const ann: Order = { id: "7", customer: "ann", sku: "tea", quantity: 2, cents: 1_990 };

test("orders come from CSV with the user's columns, and from JSON with nested ones", async () => {
  const columns = { id: "order no", customer: "cust", amount: "total" };
  const csv = await readAll("order no,cust,sku,quantity,total\n7,ann,tea,2,19.9\n", columns);
  assert.deepEqual(csv, { orders: [ann], bad: [] });
  const line = JSON.stringify({ order: { id: 7 }, customer: "ann", sku: "tea", quantity: 2 });
  const json = `${line.slice(0, -1)},"cents":1990}`;
  assert.deepEqual((await readAll(`${json}\n`, { id: "order.id" })).orders, [ann]);
  assert.deepEqual((await readAll(`[\n${json}\n]`, { id: "order.id" })).orders, [ann]);
});

test("what is not there has a default where one makes sense", async () => {
  const { orders } = await readAll("sku,cents\ntea,5\n");
  assert.deepEqual(orders, [
    { id: "line-2", customer: "guest", sku: "tea", quantity: 1, cents: 5 },
  ]);
});

test("each bad record is named with its line and left out", async () => {
  const rows = [
    "7,tea,1,5",
    "7,tea,1,5",
    "8,tea,0,5",
    "9,,1,5",
    "10,tea,1,1.5",
    "11,tea",
    "12,tea,1,5",
  ];
  const { orders, bad } = await readAll(`id,sku,quantity,cents\n${rows.join("\n")}\n`);
  assert.deepEqual(
    orders.map(({ id }) => id),
    ["7", "12"],
  );
  assert.deepEqual(
    bad.map(({ line }) => line),
    [3, 4, 5, 6, 7],
  );
  assert.match(bad[0]?.reason ?? "", /the order '7' came before/);
  assert.match(bad[1]?.reason ?? "", /'quantity' is '0': a whole number from 1 to 1000/);
  assert.match(bad[2]?.reason ?? "", /'sku' is empty/);
  assert.match(bad[3]?.reason ?? "", /'cents' is '1.5': a whole number/);
  assert.match(bad[4]?.reason ?? "", /2 fields where the header has 4/);
  const json = await readAll(
    `{"sku":"tea","cents":1}\n{"sku":\n3\n${'"'.padEnd(recordMax + 9, "x")}\n`,
  );
  assert.equal(json.orders.length, 1);
  assert.deepEqual(
    json.bad.map(({ line }) => line),
    [2, 3, 4],
  );
});

test("an input whose first record is no order is refused, with what its columns are", async () => {
  const refused = async (text: string, expected: RegExp, columns?: ColumnNames): Promise<void> => {
    await assert.rejects(readAll(text, columns), (error) => {
      assert.ok(error instanceof SpillwayError);
      assert.equal(error.code, "INPUT_INVALID");
      assert.match(error.message, expected);
      return true;
    });
  };
  await refused("", /^orders holds no orders$/);
  await refused("sku,cents\n", /^orders holds no orders$/);
  await refused(
    "article,cents\ntea,5\n",
    /^orders, line 2: there is no 'sku' among article, cents/,
  );
  await refused("sku,cents\ntea,5\n", /there is no 'no' among sku, cents/, { id: "no" });
  await refused("sku,total\ntea,1.999\n", /'total' is '1.999': an amount as in/, {
    amount: "total",
  });
});

test("a closed input gives nothing more, also to whoever waits for it", async () => {
  const chunks = new Readable({ read: () => undefined });
  chunks.push("sku,cents\ntea,5\n");
  const input = await OrderInput.open(
    { name: "pipe", bytes: undefined, chunks },
    {},
    () => undefined,
  );
  assert.equal((await input.next())?.sku, "tea");
  const waiting = input.next();
  input.close();
  assert.equal(await waiting, undefined);
  assert.equal(await input.next(), undefined);
});

test("columns are given as NAME=COLUMN", () => {
  assert.deepEqual(parseColumns(["id=a=b", "sku=c"]), { id: "a=b", sku: "c" });
  assert.throws(() => parseColumns(["custmer=a"]), /has no 'custmer': did you mean 'customer'\?/);
  assert.throws(() => parseColumns(["id"]), /--column is 'id': give NAME=COLUMN/);
  assert.throws(() => parseColumns(["id=a", "id=b"]), /--column id= is given twice/);
  assert.throws(() => parseColumns(["cents=a", "amount=b"]), /give one of them/);
});

test("no more is read than is asked for", async () => {
  let rows = 0;
  const chunks = Readable.from(
    (function* (): Generator<Buffer> {
      yield Buffer.from("sku,cents\n");
      for (;;) yield Buffer.from(`article-${++rows},5\n`);
    })(),
    { objectMode: false },
  );
  const input = await OrderInput.open(
    { name: "pipe", bytes: undefined, chunks },
    {},
    () => undefined,
  );
  for (let count = 0; count < 10_000; count++) await input.next();
  // What the stream buffers, and a part of it that is cut already.
  assert.ok(rows < 10_000 + 2 * 65_536, `${rows} rows were read for 10,000 orders`);
  input.close();
});
