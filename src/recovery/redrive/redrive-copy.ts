// From letters to the copies that are redriven: the message as it was, addressed to the group that
// failed. Reads letters by their offsets, packs copies. Always true: a copy keeps id, source, time,
// key and priority; its id counts as kept, so that no deduplication swallows it.
import { type Place, readPlaces } from "../../delivery/read-places.ts";
import { markExtensions } from "../../delivery/redrive-mark.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";
import type { Random } from "../../kernel/random.ts";
import type { MessageAttributes, Priority } from "../../message/envelope.ts";
import { OutgoingBatch } from "../../message/outgoing-batch.ts";
import { letterAt, originalAttributes } from "../dead-letters/letter.ts";
import type { LetterBox } from "../dead-letters/letter-box.ts";
import type { RedriveJob } from "./redrive-job.ts";
import type { PlannedLetter } from "./redrive-plan.ts";

/** Letters between two wanted ones that are rather read than jumped over. */
const readThroughMax = 2_000;

/** The letters at these offsets, by offset; throws MESSAGES_GONE where one is gone. */
export async function readLetters(
  box: LetterBox,
  offsets: readonly number[],
): Promise<ReadonlyMap<number, Place>> {
  const wanted = offsets.toSorted((left, right) => left - right);
  const found = new Map<number, Place>();
  for (let at = 0; at < wanted.length; ) {
    const first = wanted[at] as number;
    let last = at;
    while (last + 1 < wanted.length && isNear(wanted, last)) last++;
    const range = { from: { offset: first }, to: { offset: (wanted[last] as number) + 1 } };
    const run = new Set(wanted.slice(at, last + 1));
    for await (const place of readPlaces(box.transport, box.letters, range)) {
      const offset = place.stored.offsetAt(place.record);
      if (run.has(offset)) found.set(offset, place);
    }
    at = last + 1;
  }
  const gone = wanted.find((offset) => !found.has(offset));
  if (gone === undefined) return found;
  throw new SpillwayError("MESSAGES_GONE", `letter ${gone} of '${box.letters}' is gone`);
}

function isNear(wanted: readonly number[], at: number): boolean {
  return (wanted[at + 1] as number) - (wanted[at] as number) <= readThroughMax;
}

/** Packs copies into batches, one row of them for each channel and priority. */
export class CopyPacker {
  readonly batches: OutgoingBatch[] = [];
  readonly #box: LetterBox;
  readonly #job: RedriveJob;
  readonly #random: Random;
  readonly #filling = new Map<Priority, OutgoingBatch>();

  constructor(box: LetterBox, job: RedriveJob, random: Random) {
    this.#box = box;
    this.#job = job;
    this.#random = random;
  }

  /** Adds the copy of a letter. */
  add({ stored, record }: Place, planned: PlannedLetter): void {
    const letter = letterAt(stored, record, this.#box.kind);
    const { edit } = this.#job;
    const edited = edit?.letter === letter.offset ? edit : undefined;
    const data = edited?.data ?? stored.payloadBytesAt(record);
    const batch = this.#batchFor(letter.origin.priority, data.length);
    const attributes = this.#attributes(stored.attributesAt(record), planned, letter.redrives);
    const { id: _, ...others } = attributes;
    const [template, id] = [stored.templateAt(record), stored.idAt(record)];
    batch.add(template, data, stored.timeAt(record), stored.keyAt(record), others, id, true);
  }

  #attributes(
    attributes: MessageAttributes,
    { offset, group, firstOffset }: PlannedLetter,
    redrives: number,
  ): MessageAttributes {
    const { id, rules, edit } = this.#job;
    const own = originalAttributes(attributes);
    // Elsewhere it is a message like any other: nobody there failed.
    if (rules.to !== undefined) return own;
    return {
      ...own,
      extensions: {
        ...own.extensions,
        ...markExtensions({ group, job: id, letters: this.#box.letters, letter: offset }),
        redriveorigin: String(firstOffset),
        redrivecount: redrives + 1,
        ...(edit?.letter === offset && { redriveeditor: edit.author }),
      },
    };
  }

  #batchFor(priority: Priority, bytes: number): OutgoingBatch {
    const last = this.#filling.get(priority);
    if (last?.hasRoom(bytes) === true) return last;
    const channel = this.#job.rules.to ?? this.#box.channel;
    const batch = new OutgoingBatch(channel, priority, this.#random);
    this.#filling.set(priority, batch);
    this.batches.push(batch);
    return batch;
  }
}
