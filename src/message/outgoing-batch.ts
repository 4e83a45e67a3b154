// A batch on its way out: the messages of one channel and priority that will be appended together,
// kept column by column so that publishing one message allocates almost nothing. Filled once by
// add(), then read by a transport; it never changes after the transport took it. Always true:
// count <= capacity; ids of messages without a given id are UUIDv7.
import { formatId, idBytes, writeGivenId, writeId } from "../kernel/id.ts";
import { keySlot, slotOfBytes } from "../kernel/key-slot.ts";
import type { Random } from "../kernel/random.ts";
import {
  type MessageAttributes,
  type MessageColumns,
  type MessageTemplate,
  noAttributes,
  type Priority,
} from "./envelope.ts";

/** Most messages in one batch. */
export const batchMessagesMax = 1_000;
/** Ids for which room is made at first. */
const firstIdsMax = 16;
/** A batch that holds this many payload bytes takes no further message. */
export const batchBytesMax = 262_144;

/** Messages of one channel and priority that are appended together, in order of add(). */
export class OutgoingBatch implements MessageColumns {
  readonly channel: string;
  readonly priority: Priority;
  /** The ids, 16 bytes each; valid up to count × 16; grows while messages are added. */
  ids: Uint8Array = new Uint8Array(firstIdsMax * idBytes);
  readonly templates: MessageTemplate[] = [];
  readonly payloads: (string | Uint8Array)[] = [];
  readonly keys: (string | undefined)[] = [];
  readonly attributes: (MessageAttributes | undefined)[] = [];
  readonly times: number[] = [];
  readonly slots: number[] = [];
  /** When each message becomes visible (wall ms), for a batch of delayed messages. */
  readonly dueAtMs: readonly number[] | undefined;
  /** Size of payloads and keys so far; a character of text counts as one byte. */
  bytes = 0;
  /**
   * Whether all of it is dropped, and its unit stands, where the channel does not exist. The result
   * of such an append has the offset −1 and `isDropped`.
   */
  readonly isOptional: boolean;
  /** Whether any message was copied as it was stored: its data may be anything. */
  hasCopies = false;
  #count = 0;
  #given: Set<number> | undefined;
  readonly #random: Random;

  constructor(
    channel: string,
    priority: Priority,
    random: Random,
    dueAtMs?: readonly number[],
    isOptional = false,
  ) {
    this.channel = channel;
    this.priority = priority;
    this.#random = random;
    this.dueAtMs = dueAtMs;
    this.isOptional = isOptional;
  }

  get count(): number {
    return this.#count;
  }

  /** Whether another message of `bytes` fits; the first one always does. */
  hasRoom(bytes: number): boolean {
    if (this.#count === 0) return true;
    return this.#count < batchMessagesMax && this.bytes + bytes <= batchBytesMax;
  }

  /** Whether any message carries an id that its publisher gave. */
  get hasGivenIds(): boolean {
    return this.#given !== undefined;
  }

  /**
   * Adds one message and returns its index. The caller has checked hasRoom(). `isCopy`: the id is
   * that of a message stored before, kept but not given, so that no deduplication swallows the
   * copy: two groups may set aside the same message, and one group may do so again after a redrive.
   */
  add(
    template: MessageTemplate,
    payload: string | Uint8Array,
    wallMs: number,
    key?: string,
    attributes?: MessageAttributes,
    id?: string,
    isCopy = false,
  ): number {
    const index = this.#count++;
    const at = index * idBytes;
    if (at === this.ids.length) this.#grow();
    let kept = attributes;
    if (id === undefined) writeId(this.ids, at, wallMs, this.#random);
    else {
      if (!writeGivenId(this.ids, at, id)) kept = { ...attributes, id };
      if (!isCopy) (this.#given ??= new Set()).add(index);
    }
    if (isCopy) this.hasCopies = true;
    this.templates.push(template);
    this.payloads.push(payload);
    this.keys.push(key);
    this.attributes.push(kept);
    this.times.push(wallMs);
    this.slots.push(key === undefined ? slotOfBytes(this.ids, at, at + idBytes) : keySlot(key));
    this.bytes += payload.length + (key?.length ?? 0);
    return index;
  }

  /** The same batch without some of its messages; the others keep their order and their ids. */
  without(indexes: ReadonlySet<number>): OutgoingBatch {
    const isKept = (_: unknown, index: number): boolean => !indexes.has(index);
    const dueAtMs = this.dueAtMs?.filter(isKept);
    const { channel, priority, isOptional } = this;
    const rest = new OutgoingBatch(channel, priority, this.#random, dueAtMs, isOptional);
    for (let index = 0; index < this.count; index++) {
      if (indexes.has(index)) continue;
      const id = this.idAt(index);
      const payload = this.payloads[index] as string | Uint8Array;
      const others = [this.timeAt(index), this.keys[index], this.attributes[index], id] as const;
      // Every id is kept; whether it counts as given is told from it below.
      const at = rest.add(this.templateAt(index), payload, ...others, true);
      if (this.idGivenAt(index)) (rest.#given ??= new Set()).add(at);
    }
    rest.hasCopies = this.hasCopies;
    return rest;
  }

  #grow(): void {
    const larger = new Uint8Array(this.ids.length * 4);
    larger.set(this.ids);
    this.ids = larger;
  }

  templateAt(index: number): MessageTemplate {
    return this.templates[index] as MessageTemplate;
  }

  idAt(index: number): string {
    return this.attributes[index]?.id ?? formatId(this.ids, index * idBytes);
  }

  idGivenAt(index: number): boolean {
    return this.#given?.has(index) ?? false;
  }

  timeAt(index: number): number {
    return this.times[index] as number;
  }

  keyAt(index: number): string | undefined {
    return this.keys[index];
  }

  slotAt(index: number): number {
    return this.slots[index] as number;
  }

  attributesAt(index: number): MessageAttributes {
    return this.attributes[index] ?? noAttributes;
  }

  payloadTextAt(index: number): string {
    const payload = this.payloads[index] as string | Uint8Array;
    return typeof payload === "string" ? payload : Buffer.from(payload).toString("utf8");
  }

  payloadBytesAt(index: number): Uint8Array {
    const payload = this.payloads[index] as string | Uint8Array;
    return typeof payload === "string" ? Buffer.from(payload, "utf8") : payload;
  }

  payloadSizeAt(index: number): number {
    const payload = this.payloads[index] as string | Uint8Array;
    return typeof payload === "string" ? Buffer.byteLength(payload, "utf8") : payload.byteLength;
  }
}
