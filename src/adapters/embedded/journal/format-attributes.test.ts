// Attributes of a stored batch: read in any order, alone or by the block, they are the same.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { SpillwayError } from "../../../errors/spillway-error.ts";
import { seededRandom } from "../../../kernel/random.ts";
import type { MessageAttributes } from "../../../message/envelope.ts";
import { attributeBlockMax, AttributeReader } from "./format-attributes.ts";

/** A reader of these texts, and how often it read the section. */
function readerOf(texts: readonly string[]) {
  const all = texts.map((text) => Buffer.from(text, "utf8"));
  let end = 0;
  const ends = Uint32Array.from(all, ({ length }) => (end += length));
  const section = Buffer.concat(all);
  const reads = { count: 0 };
  const read = (): Buffer => {
    reads.count++;
    return section;
  };
  return { reader: new AttributeReader(read, ends), reads };
}

function textsOf(count: number, subjectOf = (index: number) => `subject ${index}`): string[] {
  return Array.from({ length: count }, (_, index) => {
    if (index % 11 === 10) return "";
    const subject = subjectOf(index);
    return JSON.stringify({ subject, extensions: { place: index } } satisfies MessageAttributes);
  });
}

function expectedOf(text: string | undefined): unknown {
  return text === undefined || text === "" ? {} : JSON.parse(text);
}

test("attributes are the same in whatever order they are asked for, ASCII or not", () => {
  const count = 5 * attributeBlockMax;
  const random = seededRandom(7);
  const any = Array.from({ length: 4 * count }, () => random.uint32() % count);
  const forward = Array.from({ length: count }, (_, index) => index);
  const orders = [forward, forward.toReversed(), any, [...forward, ...forward], [3, 4, 4, 5, 2, 3]];
  for (const subjectOf of [undefined, (index: number) => (index % 40 < 38 ? "a" : 'ä " \\ }{')]) {
    const texts = textsOf(count, subjectOf);
    for (const order of orders) {
      const { reader } = readerOf(texts);
      for (const index of order) assert.deepEqual(reader.at(index), expectedOf(texts[index]));
    }
  }
});

test("one after the other they are parsed by the block", () => {
  const texts = Array.from({ length: 10 * attributeBlockMax }, () => '{"tenant":"one"}');
  const { reader, reads } = readerOf(texts);
  for (const index of texts.keys()) reader.at(index);
  assert.ok(reads.count <= 11, `${reads.count} reads of the section`);
});

test("whoever changes what it got changes it for nobody who asks later", () => {
  const { reader } = readerOf(textsOf(4));
  const first = reader.at(0);
  assert.equal(reader.at(0), first, "asked for again right away");
  Object.assign(first, { subject: "changed" });
  reader.at(1);
  assert.equal(reader.at(0).subject, "subject 0");
});

test("what is damaged is found where it is, and nowhere else", () => {
  const damages = ["[]", "{", "7", '{"a":1},{"a":2}', "null"];
  for (const damage of damages) {
    const texts = textsOf(8);
    texts[5] = damage;
    const { reader } = readerOf(texts);
    for (const index of texts.keys()) {
      const read = (): unknown => reader.at(index);
      if (index !== 5) assert.deepEqual(read(), expectedOf(texts[index]), damage);
      else assert.throws(read, (error) => (error as SpillwayError).code === "JOURNAL_DAMAGED");
    }
  }
});

test("a text that is asked for alone is the one of its record, however it is written", () => {
  const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const written = (attributes: MessageAttributes): string => JSON.stringify(attributes);
  const flat = [
    written({ traceparent: trace, tenant: "one" }),
    written({ traceparent: trace }),
    written({ tenant: "two" }),
    "",
    written({ subject: "tenant", tenant: "three" }),
    written({ subject: "tenant" }),
    '{ "traceparent" : "spaced" , "tenant" : "four" }',
    written({ expiresAtMs: 5, tenant: "" }),
    written({ correlationId: ":", tenant: "five", id: "tenant:" }),
    ...Array.from({ length: 3 * attributeBlockMax }, (_, index) =>
      written({ traceparent: trace, tenant: `t${index}` }),
    ),
  ];
  const others = [
    written({ subject: 'a","tenant":"b', tenant: "c" }),
    written({ extensions: { tenant: "inner" }, traceparent: trace }),
    written({ subject: "ä", tenant: "ö" }),
    '{"\\u0074enant":"escaped"}',
  ];
  const names = ["id", "subject", "correlationId", "traceparent", "tenant", "replyTo"] as const;
  const random = seededRandom(11);
  for (const texts of [flat, ...others.map((other) => [...flat, other, ...flat])]) {
    const { reader } = readerOf(texts);
    const any = Array.from({ length: 300 }, () => random.uint32() % texts.length);
    for (const index of [...texts.keys(), ...any]) {
      const expected = expectedOf(texts[index]) as MessageAttributes;
      for (const name of names) {
        assert.equal(reader.textAt(index, name), expected[name], `${name} of ${texts[index]}`);
      }
      if (random.uint32() % 3 === 0) assert.deepEqual(reader.at(index), expected);
    }
  }
});

test("a name that no text has is told, one that is written with escapes is not", () => {
  const { reader } = readerOf(['{"tenant":"one"}', '{"extensions":{"color":"red"}}']);
  assert.equal(reader.mayHave("tenant"), true);
  assert.equal(reader.mayHave("color"), true);
  assert.equal(reader.mayHave("expiresAtMs"), false);
  const escaped = readerOf(['{"\\u0065xpiresAtMs":5}']).reader;
  assert.equal(escaped.mayHave("expiresAtMs"), true);
});
