// The splitter finds the same records wherever the chunks are cut, and never holds more than told.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type InputRecord, RecordSplitter } from "./record-splitter.ts";

function split(input: string | Uint8Array, chunkBytes: number, bytesMax = 1_000): InputRecord[] {
  const bytes = typeof input === "string" ? Buffer.from(input) : input;
  const splitter = new RecordSplitter(bytesMax);
  const records: InputRecord[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    records.push(...splitter.push(bytes.subarray(at, at + chunkBytes)));
  }
  return [...records, ...splitter.end()];
}

const texts = (records: readonly InputRecord[]): unknown[] =>
  records.map((record) => ("text" in record ? [record.line, record.text] : record.problem));

const cases: readonly (readonly [string, string, readonly unknown[]])[] = [
  [
    "lines",
    '{"a":1}\n{"b":2}\n',
    [
      [1, '{"a":1}'],
      [2, '{"b":2}'],
    ],
  ],
  [
    "blank lines and no last line break",
    '\n{"a":1}\r\n\n  {"b":2}',
    [
      [2, '{"a":1}'],
      [4, '{"b":2}'],
    ],
  ],
  ["a byte order mark", '\uFEFF{"a":1}\n', [[1, '{"a":1}']]],
  [
    "an array in one line",
    '[{"a":[1,"]"]},2]\n',
    [
      [1, '{"a":[1,"]"]}'],
      [1, "2"],
    ],
  ],
  [
    "an array over several lines",
    '[\n  {"a": "x,\\"]y",\n   "b": 2},\n  {"c": 3}\n]\n',
    [
      [2, '{"a": "x,\\"]y",\n   "b": 2}'],
      [4, '{"c": 3}'],
    ],
  ],
  ["an empty array, then a line", '[ ]\n{"a":1}\n', [[2, '{"a":1}']]],
  [
    "arrays, one a line",
    "[1,2]\n[3]\n",
    [
      [1, "1"],
      [1, "2"],
      [2, "3"],
    ],
  ],
  [
    "a comma too many",
    "[1,]",
    [
      [1, "1"],
      [1, ""],
    ],
  ],
  ["an array without end", '[{"a":1},{"b"', [[1, '{"a":1}'], "the input ends inside an array"]],
  ["text outside ASCII", '{"a":"žluťoučký 🐎"}\n', [[1, '{"a":"žluťoučký 🐎"}']]],
];

for (const [name, input, expected] of cases) {
  test(`${name}, whatever the chunks`, () => {
    for (const chunkBytes of [1, 2, 3, 7, 64]) {
      assert.deepEqual(texts(split(input, chunkBytes)), expected, `chunks of ${chunkBytes}`);
    }
  });
}

test("a record over the limit is reported with its start and skipped", () => {
  for (const chunkBytes of [1, 10, 4_096]) {
    const long = `{"long":"${"x".repeat(300)}"}`;
    const records = split(`{"a":1}\n${long}\n{"b":2}\n`, chunkBytes, 100);
    assert.deepEqual(texts(records), [[1, '{"a":1}'], "longer than 100 bytes", [3, '{"b":2}']]);
    const [, report] = records;
    assert.ok(report !== undefined && "value" in report);
    assert.equal(report.value, long.slice(0, 80));
    const inArray = split(`[1,${long},2]`, chunkBytes, 100);
    assert.deepEqual(texts(inArray), [[1, "1"], "longer than 100 bytes", [1, "2"]]);
  }
});

test("a record of exactly the limit passes", () => {
  const exact = `"${"x".repeat(98)}"`;
  assert.deepEqual(texts(split(`${exact}\n`, 9, 100)), [[1, exact]]);
});

test("bytes that are not UTF-8 are reported", () => {
  const bytes = Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from('"}\n7\n')]);
  assert.deepEqual(texts(split(bytes, 4)), ["not UTF-8", [2, "7"]]);
});
