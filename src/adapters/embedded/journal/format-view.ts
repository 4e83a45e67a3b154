// A stored batch, read lazily from its blob: columns are views into the blob, the body is
// decompressed when first needed, text is decoded once per batch where it is ASCII. Knows
// nothing of SQLite. Always true: bytes that no writer wrote give JOURNAL_DAMAGED, never a read
// outside the blob.
import { isAscii } from "node:buffer";
import { zstdDecompressSync } from "node:zlib";
import { formatId, idBytes } from "../../../kernel/id.ts";
import {
  type MessageAttributes,
  type MessageTemplate,
  noAttributes,
  type Priority,
  type TextAttribute,
} from "../../../message/envelope.ts";
import type { StoredBatch } from "../../../ports/transport.ts";
import { AttributeReader } from "./format-attributes.ts";
import { parseDictionary } from "./format-json.ts";
import {
  batchFlags,
  type BatchLayout,
  damaged,
  dataGapOf,
  headerBytes,
  rawBodyBytes,
  readLayout,
  recordFlags,
} from "./format-layout.ts";

/** What the batch's row says besides the blob. */
export interface BatchPlace {
  readonly channel: string;
  readonly priority: Priority;
  /** Offset of the first record at append. */
  readonly base: number;
  readonly appendedAtMs: number;
}

/** The messages of one blob; see StoredBatch. The blob must not change while this is used. */
export class BatchView implements StoredBatch {
  readonly channel: string;
  readonly priority: Priority;
  readonly base: number;
  readonly appendedAtMs: number;
  readonly layout: BatchLayout;
  /** The blob, aligned to 8 bytes. */
  readonly blob: Buffer;
  readonly #dataEnds: Uint32Array;
  readonly #dataGap: 0 | 1;
  readonly #keyEnds: Uint32Array;
  readonly #attributeEnds: Uint32Array | undefined;
  readonly #times: Int32Array | Float64Array;
  /** What the times count from. */
  readonly #timesFromMs: number;
  readonly #offsets: Uint32Array | undefined;
  readonly #slots: Uint16Array;
  readonly #dictionaryIndexes: Uint16Array;
  #body: Buffer | undefined;
  #templates: readonly MessageTemplate[] | undefined;
  /** The whole section as text; null where it is not ASCII, undefined before it was looked at. */
  #dataText: string | null | undefined;
  #keyText: string | null | undefined;
  /** Undefined where no record has attributes. */
  readonly #attributes: AttributeReader | undefined;

  constructor(blob: Uint8Array, place: BatchPlace) {
    this.channel = place.channel;
    this.priority = place.priority;
    this.base = place.base;
    this.appendedAtMs = place.appendedAtMs;
    const aligned = blob.byteOffset % 8 === 0 ? blob : new Uint8Array(blob);
    this.blob = Buffer.from(aligned.buffer, aligned.byteOffset, aligned.byteLength);
    const layout = readLayout(this.blob);
    const { count } = layout;
    const { buffer, byteOffset } = this.blob;
    this.layout = layout;
    this.#dataGap = dataGapOf(layout);
    this.#dataEnds = new Uint32Array(buffer, byteOffset + layout.dataEndsAt, count);
    this.#keyEnds = new Uint32Array(buffer, byteOffset + layout.keyEndsAt, count);
    this.#attributeEnds =
      layout.attributeEndsAt < 0
        ? undefined
        : new Uint32Array(buffer, byteOffset + layout.attributeEndsAt, count);
    this.#attributes =
      this.#attributeEnds &&
      new AttributeReader(() => this.#section("attribute"), this.#attributeEnds);
    const wide = (layout.flags & batchFlags.wideTimes) !== 0;
    this.#times = wide
      ? new Float64Array(buffer, byteOffset + layout.timesAt, count)
      : new Int32Array(buffer, byteOffset + layout.timesAt, count);
    this.#timesFromMs = wide ? 0 : layout.firstTimeMs;
    this.#offsets =
      layout.offsetsAt < 0
        ? undefined
        : new Uint32Array(buffer, byteOffset + layout.offsetsAt, count);
    this.#slots = new Uint16Array(buffer, byteOffset + layout.slotsAt, count);
    const indexesAt = byteOffset + layout.dictionaryIndexesAt;
    this.#dictionaryIndexes = new Uint16Array(buffer, indexesAt, count);
    checkEnds("data", this.#dataEnds, layout.dataBytes, this.#dataGap);
    checkEnds("key", this.#keyEnds, layout.keyBytes);
    if (this.#attributeEnds === undefined) checkEnds("attribute", [0], layout.attributeBytes);
    else checkEnds("attribute", this.#attributeEnds, layout.attributeBytes);
    if (this.#offsets !== undefined) checkOffsets(this.#offsets);
  }

  get count(): number {
    return this.layout.count;
  }

  get bytes(): number {
    return this.layout.totalBytes + rawBodyBytes(this.layout);
  }

  get hasOneTemplate(): boolean {
    return this.#dictionary.length === 1;
  }

  mayHave(name: string): boolean {
    return this.#attributes?.mayHave(name) === true;
  }

  get #dictionary(): readonly MessageTemplate[] {
    return (this.#templates ??= parseDictionary(this.#section("dictionary").toString("utf8")));
  }

  templateAt(index: number): MessageTemplate {
    const entry = this.#dictionaryIndexes[this.#checked(index)] as number;
    const template = this.#dictionary[entry];
    if (template === undefined) throw damaged(`record ${index} names dictionary entry ${entry}`);
    return template;
  }

  idAt(index: number): string {
    // The text of an id that is no UUID stands in the attributes, also where a copy keeps it.
    const id = this.textAttributeAt(index, "id");
    if (id !== undefined) return id;
    return formatId(this.blob, headerBytes + index * idBytes);
  }

  idGivenAt(index: number): boolean {
    return (this.flagsAt(index) & recordFlags.givenId) !== 0;
  }

  timeAt(index: number): number {
    return this.#timesFromMs + (this.#times[this.#checked(index)] as number);
  }

  keyAt(index: number): string | undefined {
    if ((this.flagsAt(index) & recordFlags.key) === 0) return undefined;
    if (this.#keyText === undefined) this.#keyText = asciiText(this.#section("key"));
    return textAt(this.#keyText, this.#keyEnds, index) ?? this.#decoded("key", index);
  }

  slotAt(index: number): number {
    return this.#slots[this.#checked(index)] as number;
  }

  attributesAt(index: number): MessageAttributes {
    this.#checked(index);
    return this.#attributes?.at(index) ?? noAttributes;
  }

  textAttributeAt(index: number, name: TextAttribute): string | undefined {
    this.#checked(index);
    return this.#attributes?.textAt(index, name);
  }

  payloadTextAt(index: number): string {
    this.#checked(index);
    if (this.#dataText === undefined) this.#dataText = asciiText(this.#section("data"));
    if (this.#dataText === null) return this.#decoded("data", index);
    const start = startOf(this.#dataEnds, index) + this.#dataGap;
    return this.#dataText.slice(start, this.#dataEnds[index]);
  }

  /** Made anew by each call: it is parsed once, and would be most of what the batch holds. */
  get payloadArrayText(): string | undefined {
    if (this.#dataGap === 0) return undefined;
    const section = this.#section("data");
    return asciiText(section) ?? section.toString("utf8");
  }

  payloadBytesAt(index: number): Uint8Array {
    return this.#recordBytes("data", this.#checked(index));
  }

  payloadSizeAt(index: number): number {
    const end = this.#dataEnds[this.#checked(index)] as number;
    return end - startOf(this.#dataEnds, index) - this.#dataGap;
  }

  offsetAt(index: number): number {
    const delta = this.#offsets === undefined ? index : this.#offsets[index];
    return this.base + (this.#checked(index), delta as number);
  }

  /** The ids, four words each. */
  get idWords(): Uint32Array {
    return new Uint32Array(
      this.blob.buffer,
      this.blob.byteOffset + headerBytes,
      this.layout.count * (idBytes / 4),
    );
  }

  /** The record's flags; see recordFlags. */
  flagsAt(index: number): number {
    return this.blob[this.layout.recordFlagsAt + this.#checked(index)] as number;
  }

  /** The record's bytes of one section of the body; a view. */
  recordBytes(section: "key" | "attribute" | "data", index: number): Uint8Array {
    return this.#recordBytes(section, this.#checked(index));
  }

  #checked(index: number): number {
    if (index >= 0 && index < this.layout.count) return index;
    throw new RangeError(`record ${index} of a batch of ${this.layout.count}`);
  }

  #ends(section: "key" | "attribute" | "data"): Uint32Array | undefined {
    if (section === "key") return this.#keyEnds;
    return section === "data" ? this.#dataEnds : this.#attributeEnds;
  }

  #recordBytes(section: "key" | "attribute" | "data", index: number): Buffer {
    const bytes = this.#section(section);
    const ends = this.#ends(section);
    if (ends === undefined) return bytes.subarray(0, 0);
    const gap = section === "data" ? this.#dataGap : 0;
    return bytes.subarray(startOf(ends, index) + gap, ends[index]);
  }

  #decoded(section: "key" | "data", index: number): string {
    return this.#recordBytes(section, index).toString("utf8");
  }

  #section(section: "dictionary" | "key" | "attribute" | "data"): Buffer {
    this.#body ??= bodyOf(this.blob, this.layout);
    const { dictionaryBytes, keyBytes, attributeBytes, dataBytes } = this.layout;
    if (section === "dictionary") return this.#body.subarray(0, dictionaryBytes);
    const keysAt = dictionaryBytes;
    if (section === "key") return this.#body.subarray(keysAt, keysAt + keyBytes);
    const attributesAt = keysAt + keyBytes;
    if (section === "attribute") {
      return this.#body.subarray(attributesAt, attributesAt + attributeBytes);
    }
    const dataAt = attributesAt + attributeBytes;
    return this.#body.subarray(dataAt, dataAt + dataBytes);
  }
}

function startOf(ends: Uint32Array, index: number): number {
  return index === 0 ? 0 : (ends[index - 1] as number);
}

function textAt(text: string | null, ends: Uint32Array, index: number): string | undefined {
  return text === null ? undefined : text.slice(startOf(ends, index), ends[index]);
}

function asciiText(section: Buffer): string | null {
  return isAscii(section) ? section.toString("latin1") : null;
}

/** Ends must rise and finish exactly at the section's end; `gap` bytes stand around records. */
function checkEnds(section: string, ends: ArrayLike<number>, bytes: number, gap = 0): void {
  let last = 0;
  for (let index = 0; index < ends.length; index++) {
    const end = ends[index] as number;
    if (end < last + gap) throw damaged(`the ${section} of record ${index} ends before it starts`);
    last = end;
  }
  if (last + gap !== bytes) {
    throw damaged(`the ${section} section ends at ${last + gap}, not at ${bytes}`);
  }
}

function checkOffsets(deltas: Uint32Array): void {
  for (let index = 1; index < deltas.length; index++) {
    if ((deltas[index] as number) > (deltas[index - 1] as number)) continue;
    throw damaged(`the offset of record ${index} is not above the one before`);
  }
}

function bodyOf(blob: Buffer, layout: BatchLayout): Buffer {
  const stored = blob.subarray(layout.bodyAt);
  if (layout.compression === 0) return stored;
  const rawBytes = rawBodyBytes(layout);
  try {
    const body = zstdDecompressSync(stored, { maxOutputLength: Math.max(rawBytes, 1) });
    if (body.byteLength === rawBytes) return body;
  } catch (cause) {
    throw damaged(`a compressed batch body cannot be decompressed (${String(cause)})`);
  }
  throw damaged(`a compressed batch body has not the ${rawBytes} bytes that its header says`);
}
