// The attributes of a stored batch's messages, read from their section of the body. One after the
// other, as they are mostly asked for, they are read by the block; a single text is looked for in
// the block and nothing is parsed, which costs a quarter of parsing even that way. Knows nothing of
// what attributes mean. Always true: each answer is made for whoever asks, but that the same
// message asked for again right away gets the same object; a few blocks are kept at most.
import { isAscii } from "node:buffer";
import {
  type MessageAttributes,
  noAttributes,
  type TextAttribute,
} from "../../../message/envelope.ts";
import { parseAttributes, parseAttributesTogether } from "./format-json.ts";

/** Most messages that are read in one go. */
export const attributeBlockMax = 32;

/** The text of some records, as far as it can be cut up: all of it is ASCII. */
interface Block {
  readonly from: number;
  readonly to: number;
  /** Where it begins in the section. */
  readonly start: number;
  readonly text: string;
}

/** How a text begins, and its name alone. */
const members: Readonly<Record<TextAttribute, readonly [string, string]>> = {
  id: memberOf("id"),
  subject: memberOf("subject"),
  correlationId: memberOf("correlationId"),
  causationId: memberOf("causationId"),
  traceparent: memberOf("traceparent"),
  tracestate: memberOf("tracestate"),
  replyTo: memberOf("replyTo"),
  tenant: memberOf("tenant"),
};

function memberOf(name: TextAttribute): readonly [string, string] {
  return [`"${name}":"`, `"${name}"`];
}

const noBlock: Block = { from: 0, to: 0, start: 0, text: "" };

/** Reads the attributes of one batch. */
export class AttributeReader {
  readonly #section: () => Buffer;
  readonly #ends: Uint32Array;
  /** Those that were read last: of one record they are asked for several times in a row. */
  #last: MessageAttributes = noAttributes;
  #lastIndex = -1;
  /** Parsed and not yet given out. */
  #parsed: (MessageAttributes | undefined)[] = [];
  #parsedFrom = 0;
  #block = noBlock;
  #otherBlock = noBlock;
  #isFlat: boolean | undefined;
  /** Where each stood last, from the beginning of its record: mostly it stands there again. */
  readonly #places: Record<TextAttribute, number> = {
    id: 1,
    subject: 1,
    correlationId: 1,
    causationId: 1,
    traceparent: 1,
    tracestate: 1,
    replyTo: 1,
    tenant: 1,
  };
  readonly #named = new Map<string, boolean>();

  /** `ends`: where the text of each record ends within the section. */
  constructor(section: () => Buffer, ends: Uint32Array) {
    this.#section = section;
    this.#ends = ends;
  }

  /** The attributes of a record; throws JOURNAL_DAMAGED where they are none. */
  at(index: number): MessageAttributes {
    if (index === this.#lastIndex) return this.#last;
    if (this.#startOf(index) === this.#ends[index]) return noAttributes;
    const isNext = index === this.#lastIndex + 1;
    this.#last = this.#fromParsed(index, isNext) ?? this.#alone(index);
    this.#lastIndex = index;
    return this.#last;
  }

  /** Whether the text may have a member of this name; false is certain. */
  mayHave(name: string): boolean {
    let may = this.#named.get(name);
    if (may === undefined) {
      const section = this.#section();
      // A name may be written with escapes, too.
      may = section.includes(`"${name}"`) || section.includes("\\u");
      this.#named.set(name, may);
    }
    return may;
  }

  /**
   * One attribute of a record that is a text. Found without parsing where no text of the batch has
   * escapes and nothing is nested: then what stands in quotes is a name or a text, from one to the
   * next.
   */
  textAt(index: number, name: TextAttribute): string | undefined {
    if (index === this.#lastIndex) return this.#last[name];
    const start = this.#startOf(index);
    const end = this.#ends[index] as number;
    if (start === end) return undefined;
    this.#isFlat ??= this.#looksFlat();
    const block = this.#isFlat ? this.#blockWith(index) : noBlock;
    if (block === noBlock) return this.at(index)[name];
    const { text } = block;
    const first = start - block.start;
    const last = end - block.start;
    const [member, quoted] = members[name];
    let at = first + this.#places[name];
    if (at >= last || !text.startsWith(member, at)) {
      const record = text.slice(first, last);
      if (!record.includes(quoted)) return undefined;
      const place = record.indexOf(member);
      // It is a text that says what is a name elsewhere, or written by another hand.
      if (place < 0) return this.at(index)[name];
      this.#places[name] = place;
      at = first + place;
    }
    const from = at + member.length;
    return text.slice(from, text.indexOf('"', from));
  }

  #looksFlat(): boolean {
    const section = this.#section();
    return !section.includes("\\") && !section.includes('"extensions"');
  }

  /** The block of a record. Two are kept: who goes forth and back a little reads each once. */
  #blockWith(index: number): Block {
    const last = this.#block;
    if (index >= last.from && index < last.to) return last;
    const other = this.#otherBlock;
    this.#otherBlock = last;
    if (index >= other.from && index < other.to) return (this.#block = other);
    const from = index - (index % attributeBlockMax);
    return (this.#block = this.#readBlock(
      from,
      Math.min(this.#ends.length, from + attributeBlockMax),
    ));
  }

  #readBlock(from: number, to: number): Block {
    const start = this.#startOf(from);
    const bytes = this.#section().subarray(start, this.#ends[to - 1]);
    return isAscii(bytes) ? { from, to, start, text: bytes.toString("latin1") } : noBlock;
  }

  /** Undefined: it was given out, or is not worth a block. */
  #fromParsed(index: number, isNext: boolean): MessageAttributes | undefined {
    let found = this.#parsed[index - this.#parsedFrom];
    if (found === undefined && isNext) {
      this.#parsed = this.#parseBlock(index);
      this.#parsedFrom = index;
      found = this.#parsed[0];
    }
    if (found !== undefined) this.#parsed[index - this.#parsedFrom] = undefined;
    return found;
  }

  /** From this record on, as far as each has attributes; empty: they cannot be read at once. */
  #parseBlock(from: number): (MessageAttributes | undefined)[] {
    let to = from;
    const most = Math.min(this.#ends.length, from + attributeBlockMax);
    while (to < most && this.#startOf(to) !== this.#ends[to]) to++;
    if (to - from < 2) return [];
    const { start, text } = this.#readBlock(from, to);
    if (text === "") return [];
    let array = "[";
    for (let index = from; index < to; index++) {
      if (index > from) array += ",";
      array += text.slice(this.#startOf(index) - start, (this.#ends[index] as number) - start);
    }
    return parseAttributesTogether(`${array}]`, to - from);
  }

  #alone(index: number): MessageAttributes {
    const bytes = this.#section().subarray(this.#startOf(index), this.#ends[index]);
    return parseAttributes(bytes.toString("utf8"), index);
  }

  #startOf(index: number): number {
    return index === 0 ? 0 : (this.#ends[index - 1] as number);
  }
}
