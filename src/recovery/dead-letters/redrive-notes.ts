// Reading notes: what became of letters. Knows nothing of the letters themselves. Always true: the
// last note of a letter decides how it stands; memory is one byte for each letter near one that has
// a note.
import { type ReadEnvelopesOptions, readPlaces } from "../../delivery/read-places.ts";
import type { NoteKind, RedriveNote } from "../../delivery/redrive-note.ts";
import type { StoredBatch, Transport } from "../../ports/transport.ts";
import type { Standing } from "./letter.ts";

/** A note, with where it stands among the notes. */
export interface StoredNote extends RedriveNote {
  readonly offset: number;
}

/** The note that is stored at a place; undefined where it is none. */
export function noteAt(stored: StoredBatch, record: number): StoredNote | undefined {
  try {
    const note = JSON.parse(stored.payloadTextAt(record)) as RedriveNote;
    if (!Number.isSafeInteger(note.letter) || !Object.hasOwn(codes, note.kind)) return undefined;
    return { ...note, offset: stored.offsetAt(record) };
  } catch {
    return undefined;
  }
}

/** The notes of a channel, in order; none where there is no such channel. */
export async function* readNotes(
  transport: Transport,
  channel: string,
  options: ReadEnvelopesOptions = {},
): AsyncGenerator<StoredNote> {
  // A gap among the notes makes letters pending that were worked on: they are listed again.
  const passing = { onGap: () => undefined, ...options };
  for await (const { stored, record } of readPlaces(transport, channel, passing)) {
    const note = noteAt(stored, record);
    if (note !== undefined) yield note;
  }
}

const codes: Readonly<Record<NoteKind, number>> = {
  skipped: 0,
  redriven: 1,
  resolved: 2,
  failed: 3,
};
const byCode: readonly Standing[] = ["pending", "redriven", "resolved", "failed"];
const pageSize = 4_096;

/** How letters stand, by their offsets. */
export class Standings {
  /** The first note that was not taken in. */
  end = 0;
  readonly #pages = new Map<number, Uint8Array>();

  /** Takes in one note; later ones count more. */
  take({ letter, kind, offset }: StoredNote): void {
    this.end = offset + 1;
    const at = Math.floor(letter / pageSize);
    let page = this.#pages.get(at);
    if (page === undefined) this.#pages.set(at, (page = new Uint8Array(pageSize)));
    page[letter % pageSize] = codes[kind];
  }

  /** How the letter at that offset stands. */
  of(letter: number): Standing {
    const page = this.#pages.get(Math.floor(letter / pageSize));
    return byCode[page?.[letter % pageSize] ?? 0] as Standing;
  }
}
