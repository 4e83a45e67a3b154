// The run of `spillway publish`: records in, messages stored, bad records reported. It knows
// nothing of flags or terminals. Always true: when it ends, by whatever way, every message that
// it counts as stored is durable, and its counts are complete.
import { addAbortSignal } from "node:stream";
import { SpillwayError } from "../../errors/spillway-error.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { Random } from "../../kernel/random.ts";
import type { Transport } from "../../ports/transport.ts";
import { counted } from "../terminal/number-format.ts";
import { AppendQueue } from "./append-queue.ts";
import type { InputSource } from "./input-source.ts";
import { messageBytesMax, type RecordReader } from "./record-message.ts";
import { type InputRecord, RecordSplitter } from "./record-splitter.ts";

/** Longest record: data may be written longer than it is, and attributes stand around it. */
export const recordBytesMax = 2 * messageBytesMax + 131_072;
/** Most bad records that are kept for the report; all are counted. */
export const badRecordsKept = 20;
/** Characters of a bad record that its report shows. */
const valueCharacters = 80;

/** A record that was not stored. */
export interface BadRecord {
  readonly line: number;
  readonly reason: string;
  readonly value: string;
}

/** What has happened so far. */
export interface PublishCounts {
  readonly stored: number;
  readonly repeated: number;
  readonly skipped: number;
  /** Bytes of the input that were read. */
  readonly bytes: number;
}

/** What a run needs. */
export interface PublishRun {
  readonly transport: Transport;
  readonly channel: string;
  readonly source: InputSource;
  readonly read: RecordReader;
  /** Whether bad records are skipped; otherwise the first one ends the run with INPUT_INVALID. */
  readonly skipBad: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  onProgress(counts: PublishCounts): void;
  onBad(record: BadRecord): void;
}

/** How a run ended. */
export interface PublishResult extends PublishCounts {
  readonly interrupted: boolean;
  /** The first few bad records. */
  readonly bad: readonly BadRecord[];
}

/** Publishes one input. Rejects with INPUT_INVALID at a bad record, unless those are skipped. */
export function publishInput(run: PublishRun): Promise<PublishResult> {
  return new Publication(run).run();
}

class Publication {
  readonly #run: PublishRun;
  readonly #queue: AppendQueue;
  readonly #bad: BadRecord[] = [];
  #skipped = 0;
  #bytes = 0;
  #fatal: BadRecord | undefined;

  constructor(run: PublishRun) {
    this.#run = run;
    this.#queue = new AppendQueue(run, (line, error) => {
      this.#refuse({ line, reason: error.message, value: "" });
    });
  }

  async run(): Promise<PublishResult> {
    try {
      await this.#readAll();
    } finally {
      await this.#queue.drain();
    }
    if (this.#fatal !== undefined) throw this.#failureOf(this.#fatal);
    this.#run.onProgress(this.#counts());
    return { ...this.#counts(), interrupted: this.#run.signal.aborted, bad: this.#bad };
  }

  async #readAll(): Promise<void> {
    const splitter = new RecordSplitter(recordBytesMax);
    for await (const chunk of untilAborted(this.#run.source, this.#run.signal)) {
      await this.#store(splitter.push(chunk));
      this.#bytes += chunk.length;
      // What has come is stored now: the next piece of a slow input may be long in coming.
      await this.#queue.flush();
      if (this.#fatal !== undefined) return;
      this.#run.onProgress(this.#counts());
    }
    if (!this.#run.signal.aborted) await this.#store(splitter.end());
  }

  async #store(records: readonly InputRecord[]): Promise<void> {
    const nowMs = this.#run.clock.wallMs();
    for (const record of records) {
      if (this.#fatal !== undefined) return;
      if ("problem" in record) {
        const { line, problem, value } = record;
        this.#refuse({ line, reason: problem, value });
        continue;
      }
      await this.#storeText(record.line, record.text, nowMs);
    }
  }

  async #storeText(line: number, text: string, nowMs: number): Promise<void> {
    let message: ReturnType<RecordReader>;
    try {
      message = this.#run.read(text, nowMs);
    } catch (error) {
      if (!(error instanceof SpillwayError)) throw error;
      this.#refuse({ line, reason: error.message, value: text.slice(0, valueCharacters) });
      return;
    }
    await this.#queue.add(message, line);
  }

  #refuse(record: BadRecord): void {
    if (!this.#run.skipBad) {
      this.#fatal ??= record;
      return;
    }
    this.#skipped++;
    if (this.#bad.length < badRecordsKept) this.#bad.push(record);
    this.#run.onBad(record);
  }

  #counts(): PublishCounts {
    const { stored, repeated } = this.#queue;
    return { stored, repeated, skipped: this.#skipped, bytes: this.#bytes };
  }

  #failureOf({ line, reason, value }: BadRecord): SpillwayError {
    const { stored, repeated } = this.#queue;
    const shown = value === "" ? "" : `: ${value}${value.length < valueCharacters ? "" : "…"}`;
    const again = repeated === 0 ? "" : `, ${counted(repeated, "was", "were")} there before`;
    return new SpillwayError(
      "INPUT_INVALID",
      `${this.#run.source.name}, line ${line}: ${reason}${shown} ` +
        `(${counted(stored, "message is", "messages are")} stored${again})`,
      { details: { line, value, reason, stored, repeated } },
    );
  }
}

/** The chunks of the input until the signal fires, also while the next one is long in coming. */
async function* untilAborted(source: InputSource, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of addAbortSignal(signal, source.chunks)) yield chunk as Uint8Array;
  } catch (cause) {
    if (signal.aborted) return;
    if (!(cause instanceof Error) || !("code" in cause)) throw cause;
    const message = `cannot read ${source.name}: ${cause.message}`;
    throw new SpillwayError("INPUT_INVALID", message, { cause });
  }
}
