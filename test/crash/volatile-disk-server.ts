// A disk with a volatile write cache, as a file served to the kernel's FUSE: everything written to
// it is seen, in order, and so is every flush. A power cut may lose any of what was written since
// the last flush, whole writes or single sectors, in any order. From a cut on the disk answers
// nobody until it is told to go on: whatever is observed meanwhile had been made durable before.
// Knows nothing of file systems. Runs in a process of its own, inside a mount namespace:
// `volatile-disk-server.ts <file> <bytes>`; its parent sends the requests.
import { spawnSync } from "node:child_process";
import { closeSync, ftruncateSync, openSync, read, writeFileSync, writeSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { seededRandom } from "spillway/testing";
import type { Random } from "../../src/kernel/random.ts";

/** Asks for the disk as a cut would leave it, as an image at `path`, and stops the disk. */
export interface CutRequest {
  readonly path: string;
  readonly seed: number;
  /** How many more requests of the kernel are served first, unless there are none for a while. */
  readonly afterRequests: number;
}

/** Lets the disk go on. */
export type DiskRequest = CutRequest | "resume";

/** What became of the writes that no flush had followed. */
export interface CutAnswer {
  readonly unflushed: number;
  readonly kept: number;
  readonly flavour: Flavour;
}

/** Which of the unflushed writes a cut keeps. */
export const flavours = ["none", "all", "first", "some", "some-sectors"] as const;
export type Flavour = (typeof flavours)[number];

interface Write {
  readonly at: number;
  readonly data: Buffer;
}

const sectorBytes = 512;
/** Blocks that were never written stay holes in an image. */
const blockBytes = 65_536;
/** How long a cut waits for requests before it comes anyway. */
const quietMs = 50;
const writeBytesMax = 131_072;
const requestBytesMax = 1_048_576;
const inHeaderBytes = 40;
const outHeaderBytes = 16;
const notImplemented = -38;

/** The calls of linux/fuse.h that a single file needs. */
const calls = {
  forget: 2,
  getattr: 3,
  setattr: 4,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  fsync: 20,
  flush: 25,
  init: 26,
  access: 34,
  interrupt: 36,
  destroy: 38,
  forgetMany: 42,
} as const;

/** See the head of this file. */
export class VolatileDisk {
  /** What a flush has made durable. */
  readonly #stable: Buffer;
  readonly #current: Buffer;
  readonly #blocks = new Set<number>();
  #unflushed: Write[] = [];

  constructor(bytes: number) {
    this.#stable = Buffer.alloc(bytes);
    this.#current = Buffer.alloc(bytes);
  }

  get bytes(): number {
    return this.#current.length;
  }

  read(at: number, length: number): Buffer {
    return this.#current.subarray(at, Math.min(at + length, this.bytes));
  }

  write(at: number, data: Buffer): void {
    data.copy(this.#current, at);
    this.#unflushed.push({ at, data: Buffer.from(data) });
  }

  flush(): void {
    for (const { at, data } of this.#unflushed) {
      data.copy(this.#stable, at);
      const last = Math.floor((at + data.length - 1) / blockBytes);
      for (let block = Math.floor(at / blockBytes); block <= last; block++) this.#blocks.add(block);
    }
    this.#unflushed = [];
  }

  /** Writes the image that a cut now leaves. */
  cut({ path, seed }: CutRequest): CutAnswer {
    const random = seededRandom(seed);
    const flavour = flavours[random.uint32() % flavours.length] ?? "none";
    const file = openSync(path, "w");
    ftruncateSync(file, this.bytes);
    for (const block of this.#blocks) {
      const from = block * blockBytes;
      writeAll(file, this.#stable.subarray(from, from + blockBytes), from);
    }
    let kept = 0;
    const first = random.uint32() % (this.#unflushed.length + 1);
    for (const [index, { at, data }] of this.#unflushed.entries()) {
      if (flavour === "some-sectors") {
        kept += writeSectors(file, at, data, random);
        continue;
      }
      if (flavour === "none" || (flavour === "first" && index >= first)) break;
      if (flavour === "some" && random.uint32() % 2 === 0) continue;
      writeAll(file, data, at);
      kept++;
    }
    closeSync(file);
    return { unflushed: this.#unflushed.length, kept, flavour };
  }
}

function writeSectors(file: number, at: number, data: Buffer, random: Random): number {
  let kept = 0;
  for (let from = 0; from < data.length; from += sectorBytes) {
    if (random.uint32() % 2 === 0) continue;
    writeAll(file, data.subarray(from, from + sectorBytes), at + from);
    kept = 1;
  }
  return kept;
}

function writeAll(file: number, data: Buffer, at: number): void {
  for (let done = 0; done < data.length; ) {
    done += writeSync(file, data, done, data.length - done, at + done);
  }
}

/** Answers the kernel's requests for the one file; undefined where no answer is wanted. */
function answer(disk: VolatileDisk, request: Buffer): Buffer | undefined {
  const call = request.readUInt32LE(4);
  const unique = request.readBigUInt64LE(8);
  const body = request.subarray(inHeaderBytes);
  const reply = (data: Buffer = Buffer.alloc(0), error = 0): Buffer => {
    const head = Buffer.alloc(outHeaderBytes);
    head.writeUInt32LE(outHeaderBytes + data.length, 0);
    head.writeInt32LE(error, 4);
    head.writeBigUInt64LE(unique, 8);
    return Buffer.concat([head, data]);
  };
  switch (call) {
    case calls.init:
      return reply(initAnswer());
    case calls.getattr:
    case calls.setattr:
      return reply(attributes(disk.bytes));
    case calls.open:
      return reply(openAnswer());
    case calls.read:
      return reply(disk.read(Number(body.readBigUInt64LE(8)), body.readUInt32LE(16)));
    case calls.write: {
      const size = body.readUInt32LE(16);
      disk.write(Number(body.readBigUInt64LE(8)), body.subarray(40, 40 + size));
      const written = Buffer.alloc(8);
      written.writeUInt32LE(size, 0);
      return reply(written);
    }
    case calls.fsync:
      disk.flush();
      return reply();
    case calls.statfs:
      return reply(Buffer.alloc(80));
    case calls.flush:
    case calls.release:
    case calls.access:
    case calls.destroy:
      return reply();
    case calls.forget:
    case calls.forgetMany:
    case calls.interrupt:
      return undefined;
    default:
      return reply(undefined, notImplemented);
  }
}

function initAnswer(): Buffer {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(7, 0); // major
  data.writeUInt32LE(31, 4); // minor
  data.writeUInt32LE(writeBytesMax, 8); // read-ahead
  data.writeUInt32LE((1 << 0) | (1 << 5) | (1 << 22), 12); // async reads, big writes, max pages
  data.writeUInt16LE(12, 16); // requests in the background
  data.writeUInt16LE(9, 18);
  data.writeUInt32LE(writeBytesMax, 20);
  data.writeUInt32LE(1, 24); // a nanosecond
  data.writeUInt16LE(writeBytesMax / 4_096, 28);
  return data;
}

/** Every read and write comes here, nothing is kept in the page cache. */
function openAnswer(): Buffer {
  const data = Buffer.alloc(16);
  data.writeUInt32LE(1, 8);
  return data;
}

function attributes(bytes: number): Buffer {
  const data = Buffer.alloc(104);
  data.writeBigUInt64LE(3_600n, 0);
  const at = 16;
  data.writeBigUInt64LE(1n, at);
  data.writeBigUInt64LE(BigInt(bytes), at + 8);
  data.writeBigUInt64LE(BigInt(Math.ceil(bytes / sectorBytes)), at + 16);
  data.writeUInt32LE(0o100_600, at + 60);
  data.writeUInt32LE(1, at + 64);
  data.writeUInt32LE(4_096, at + 80);
  return data;
}

function mountFile(path: string): number {
  writeFileSync(path, "");
  const fuse = openSync("/dev/fuse", "r+");
  const options = "fd=3,rootmode=100000,user_id=0,group_id=0";
  const { status, stderr } = spawnSync(
    "mount",
    ["-i", "-t", "fuse", "-o", options, "volatile-disk", path],
    { stdio: ["ignore", "ignore", "pipe", fuse], encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`${path} cannot be mounted: ${stderr}`);
  return fuse;
}

/** Serves the disk, stops it at a cut, and lets it go on. */
class Server {
  readonly #fuse: number;
  readonly #disk: VolatileDisk;
  readonly #request = Buffer.alloc(requestBytesMax);
  #cut: CutRequest | undefined;
  #requestsLeft = 0;
  #stopped = false;
  /** The answer that was due when the disk stopped. */
  #held: Buffer | undefined;

  constructor(fuse: number, disk: VolatileDisk) {
    this.#fuse = fuse;
    this.#disk = disk;
    this.#next();
  }

  ask(request: DiskRequest): void {
    if (request === "resume") {
      this.#stopped = false;
      if (this.#held !== undefined) this.#reply(this.#held);
      this.#held = undefined;
      return;
    }
    this.#cut = request;
    this.#requestsLeft = request.afterRequests;
    setTimeout(() => this.#cutNow(), quietMs);
  }

  #cutNow(): void {
    if (this.#cut === undefined) return;
    const answer = this.#disk.cut(this.#cut);
    this.#cut = undefined;
    this.#stopped = true;
    process.send?.(answer);
  }

  #next(): void {
    read(this.#fuse, this.#request, 0, requestBytesMax, null, (error, length) => {
      // ENODEV: it was unmounted.
      if (error?.code === "ENODEV") process.exit();
      if (error !== null) {
        this.#next();
        return;
      }
      const reply = answer(this.#disk, this.#request.subarray(0, length));
      // The request is served; whether its sender learns of it is another matter.
      if (this.#cut !== undefined && this.#requestsLeft-- <= 0) this.#cutNow();
      if (this.#stopped) this.#held = reply ?? Buffer.alloc(0);
      else this.#reply(reply);
    });
  }

  #reply(reply: Buffer | undefined): void {
    if (reply !== undefined && reply.length > 0) writeSync(this.#fuse, reply);
    this.#next();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [path = "", bytesText = "0"] = process.argv.slice(2);
  const server = new Server(mountFile(path), new VolatileDisk(Number(bytesText)));
  process.on("disconnect", () => process.exit());
  process.on("message", (request: DiskRequest) => server.ask(request));
  process.send?.("ready");
}
