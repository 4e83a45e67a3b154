// What was stored since a scenario began: read log by log from where each one ended then. Owns the
// places; knows nothing of handlers. Always true: every message is read once, in the order of its
// log, and no more than `scenarioMessagesMax` of them.
import { companionKindOf } from "../../contracts/names.ts";
import { type Place, readPlaces } from "../../delivery/read-places.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";
import type { LogStats, Transport } from "../../ports/transport.ts";
import { type DeadLetter, letterAt } from "../../recovery/dead-letters/letter.ts";

/** Most messages that one scenario looks at; more mean that messages cause each other for ever. */
export const scenarioMessagesMax = 10_000;

/** A letter as it was set aside. */
export type SeenLetter = Omit<DeadLetter, "standing">;

/** Reads on where it stopped. */
export class SeenMessages {
  readonly #transport: Transport;
  /** Where the next message of each log is, by channel and priority. */
  readonly #ends = new Map<string, number>();
  readonly messages: Place[] = [];
  readonly letters: SeenLetter[] = [];

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Passes everything that is stored now. */
  async begin(): Promise<void> {
    for (const { channel, logs } of await this.#transport.stats()) {
      for (const log of logs) this.#ends.set(logName(channel, log), log.endOffset);
    }
  }

  /** Throws INVALID_ARGUMENT where more were stored than it keeps. */
  async assertBounded(): Promise<void> {
    let count = this.messages.length + this.letters.length;
    for (const { channel, logs } of await this.#transport.stats()) {
      for (const log of logs) {
        count += log.endOffset - (this.#ends.get(logName(channel, log)) ?? log.startOffset);
      }
    }
    if (count > scenarioMessagesMax) throw tooMany();
  }

  /** Reads what is new. */
  async read(): Promise<void> {
    for (const { channel, logs } of await this.#transport.stats()) {
      for (const log of logs) await this.#readLog(channel, log);
    }
  }

  async #readLog(channel: string, log: LogStats): Promise<void> {
    const name = logName(channel, log);
    const from = this.#ends.get(name) ?? log.startOffset;
    if (from >= log.endOffset) return;
    this.#ends.set(name, log.endOffset);
    if (companionKindOf(channel) === "notes") return;
    const ends = { from: { offset: from }, to: { offset: log.endOffset } };
    const options = { ...ends, priority: log.priority };
    for await (const place of readPlaces(this.#transport, channel, options)) {
      this.#take(channel, place);
    }
  }

  #take(channel: string, place: Place): void {
    if (this.messages.length + this.letters.length === scenarioMessagesMax) throw tooMany();
    const kind = companionKindOf(channel);
    if (kind === undefined || kind === "notes") this.messages.push(place);
    else this.letters.push(letterAt(place.stored, place.record, kind));
  }
}

function logName(channel: string, { priority }: LogStats): string {
  return `${channel}/${priority}`;
}

function tooMany(): SpillwayError {
  return new SpillwayError(
    "INVALID_ARGUMENT",
    `scenario: more than ${scenarioMessagesMax} messages were stored: do messages cause each ` +
      "other for ever?",
  );
}
