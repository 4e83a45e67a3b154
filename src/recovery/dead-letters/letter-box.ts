// The letters of one channel: reading them with how they stand. Writes nothing, and creates
// nothing. Always true: notes are read before letters, so that a letter is never shown as pending
// whose redrive was stored before the call.
import { deadLetterChannelOf, invalidChannelOf, redrivesChannelOf } from "../../contracts/names.ts";
import { type ReadEnvelopesOptions, readPlaces } from "../../delivery/read-places.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";
import type { StoredBatch, Transport } from "../../ports/transport.ts";
import { type DeadLetter, letterAt, type LetterKind, type Standing } from "./letter.ts";
import { type LetterFilter, matches, openStandings } from "./letter-filter.ts";
import { readNotes, Standings, type StoredNote } from "./redrive-notes.ts";

/** What of a letter box is read. */
export interface LetterReading extends Omit<ReadEnvelopesOptions, "priority"> {
  readonly filter: LetterFilter;
  /** Default: pending and redriven. */
  readonly standings?: readonly Standing[];
  /** Contract types; undefined: all. */
  readonly types?: readonly string[] | undefined;
}

/** The letters of a channel. */
export class LetterBox {
  readonly kind: LetterKind;
  /** The channel whose messages were set aside. */
  readonly channel: string;
  /** Where the letters are. */
  readonly letters: string;
  /** Where the notes are. */
  readonly notes: string;
  readonly transport: Transport;

  constructor(transport: Transport, channel: string, kind: LetterKind) {
    this.transport = transport;
    this.channel = channel;
    this.kind = kind;
    this.letters = kind === "invalid" ? invalidChannelOf(channel) : deadLetterChannelOf(channel);
    this.notes = redrivesChannelOf(this.letters);
  }

  /** How the letters stand now. */
  async standings(signal?: AbortSignal): Promise<Standings> {
    const standings = new Standings();
    for await (const note of this.#notes(signal)) standings.take(note);
    return standings;
  }

  /** What became of one letter, in order. */
  async history(letter: number): Promise<readonly StoredNote[]> {
    const notes: StoredNote[] = [];
    for await (const note of this.#notes()) if (note.letter === letter) notes.push(note);
    return notes;
  }

  /** The letters that are meant, in the order in which they were set aside. */
  async *read(reading: LetterReading): AsyncGenerator<DeadLetter> {
    const { filter, standings: wanted = openStandings, types, ...options } = reading;
    const standings = await this.standings(options.signal);
    const places = readPlaces(this.transport, this.letters, options);
    for await (const { stored, record } of orNone(places)) {
      const letter = this.letterAt(stored, record, standings, types);
      if (letter === undefined || !wanted.includes(letter.standing)) continue;
      if (matches(filter, letter)) yield letter;
    }
  }

  /** The letter of one offset, whatever its standing. */
  async get(offset: number): Promise<DeadLetter | undefined> {
    const ends = { from: { offset }, to: { offset: offset + 1 } };
    const standings = ["pending", "redriven", "resolved", "failed"] as const;
    for await (const letter of this.read({ filter: {}, standings, ...ends })) {
      if (letter.offset === offset) return letter;
    }
    return undefined;
  }

  /** One letter with its standing; undefined: it is of another type than these. */
  letterAt(
    stored: StoredBatch,
    record: number,
    standings: Standings,
    types?: readonly string[],
  ): DeadLetter | undefined {
    if (types !== undefined && !types.includes(stored.templateAt(record).type)) return undefined;
    const standing = standings.of(stored.offsetAt(record));
    return { ...letterAt(stored, record, this.kind), standing };
  }

  #notes(signal?: AbortSignal): AsyncGenerator<StoredNote> {
    const options = signal === undefined ? {} : { signal };
    return orNone(readNotes(this.transport, this.notes, options));
  }
}

/** The elements; none where the channel does not exist. */
async function* orNone<Element>(elements: AsyncIterable<Element>): AsyncGenerator<Element> {
  try {
    yield* elements;
  } catch (error) {
    const isAbsent = error instanceof SpillwayError && error.code === "UNKNOWN_CHANNEL";
    if (!isAbsent) throw error;
  }
}
