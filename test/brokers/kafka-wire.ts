// As much of Kafka's protocol as a test of a broker needs, over plain TCP: make a topic, produce
// one record, fetch what is there. No version here has tagged fields.
import { once } from "node:events";
import { connect } from "node:net";

const [produceKey, fetchKey, metadataKey] = [0, 1, 3];
const timeoutMs = 10_000;

const int8 = (value: number): Buffer => Buffer.from(Int8Array.of(value).buffer);
const int16 = (value: number): Buffer => sized(2, (buffer) => buffer.writeInt16BE(value));
const int32 = (value: number): Buffer => sized(4, (buffer) => buffer.writeInt32BE(value));
const int64 = (value: number): Buffer =>
  sized(8, (buffer) => buffer.writeBigInt64BE(BigInt(value)));
const text = (value: string): Buffer => Buffer.concat([int16(value.length), Buffer.from(value)]);
const listOfOne = (...parts: Buffer[]): Buffer => Buffer.concat([int32(1), ...parts]);

function sized(size: number, write: (buffer: Buffer) => void): Buffer {
  const buffer = Buffer.alloc(size);
  write(buffer);
  return buffer;
}

/** Sends one request on a connection of its own; the answer, from behind its number. */
async function request(port: number, key: number, version: number, body: Buffer): Promise<Buffer> {
  const content = Buffer.concat([int16(key), int16(version), int32(7), int16(-1), body]);
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  socket.write(Buffer.concat([int32(content.length), content]));
  let received = Buffer.alloc(0);
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk as Buffer]);
    if (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) break;
  }
  return received.subarray(8);
}

/** Asks for the topic, so that the broker makes it. */
export async function makeTopic(port: number, topic: string): Promise<void> {
  await request(port, metadataKey, 4, Buffer.concat([listOfOne(text(topic)), int8(1)]));
}

/** Appends a record, acknowledged by all replicas; resolves with the error code, 0 for none. */
export async function produce(port: number, topic: string, value: string): Promise<number> {
  const records = batchOf(value);
  const partition = listOfOne(int32(0), int32(records.length), records);
  const topics = listOfOne(text(topic), partition);
  const body = Buffer.concat([int16(-1), int16(-1), int32(timeoutMs), topics]);
  const answer = await request(port, produceKey, 3, body);
  // Behind one topic's name and one partition's number.
  return answer.readInt16BE(4 + 2 + topic.length + 4 + 4);
}

/** The bytes of every record from the beginning, with what stands around the values. */
export async function fetchAll(port: number, topic: string): Promise<string> {
  const partition = listOfOne(int32(0), int64(0), int32(1_048_576));
  const limits = [int32(-1), int32(timeoutMs), int32(1), int32(1_048_576), int8(0)];
  const body = Buffer.concat([...limits, listOfOne(text(topic), partition)]);
  return (await request(port, fetchKey, 4, body)).toString("latin1");
}

/** A batch of one record without a key, in the format that every broker since 0.11 knows. */
function batchOf(value: string): Buffer {
  const bytes = Buffer.from(value);
  const content = Buffer.concat(
    [int8(0), int8(0), int8(0), varint(-1)].concat([varint(bytes.length), bytes, varint(0)]),
  );
  const record = Buffer.concat([varint(content.length), content]);
  const noProducer = [int64(-1), int16(-1), int32(-1)];
  const times = [int64(1), int64(1)];
  const body = Buffer.concat([int16(0), int32(0), ...times, ...noProducer, int32(1), record]);
  const checked = Buffer.concat([int32(-1), int8(2), int32(crc32c(body)), body]);
  return Buffer.concat([int64(0), int32(checked.length), checked]);
}

function varint(value: number): Buffer {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  const bytes: number[] = [];
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
  return Buffer.from([...bytes, rest]);
}

/** CRC-32C, which is not the CRC-32 of zlib. */
function crc32c(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc;
}
