// The notes of redrives: what became of a letter. Who moves a letter writes one, and the group that
// settles its copy writes one in the unit that settles it. Knows nothing of jobs.
import { redrivesChannelOf } from "../contracts/names.ts";
import type { MessageTemplate } from "../message/envelope.ts";
import type { EncodedMessage } from "./outgoing-encoder.ts";

/**
 * What happened to a letter. "redriven": its copy was stored. "resolved": the copy was handled, or
 * went to another channel. "failed": it was set aside again, as a new letter. "skipped": it was not
 * handled; the letter is as it was.
 */
export type NoteKind = "redriven" | "resolved" | "failed" | "skipped";

/** An edited letter: who, why, and the data that the copy has. */
export interface LetterEdit {
  readonly author: string;
  readonly reason?: string;
  /** The data as text, as the copy holds it. */
  readonly data: string;
}

/** One line of a letter's history. */
export interface RedriveNote {
  readonly kind: NoteKind;
  readonly letter: number;
  readonly job: string;
  readonly atMs: number;
  readonly reason?: string;
  /** The channel it went to, where that is another one. */
  readonly to?: string;
  readonly edit?: LetterEdit;
  /** It was redriven although a repeat might not be recognised any more. */
  readonly allowRepeat?: true;
}

/** All notes have one template: what they say is their data. */
export const noteTemplate: MessageTemplate = Object.freeze({
  type: "spillway.redrive.noted",
  version: 1,
  source: "spillway",
  contentType: "application/json",
});

/** The note as it is stored, in the channel beside the letters; dropped where there is none. */
export function encodeNote(letters: string, note: RedriveNote): EncodedMessage {
  return {
    channel: redrivesChannelOf(letters),
    priority: "normal",
    template: noteTemplate,
    payload: JSON.stringify(note),
    wallMs: note.atMs,
    key: undefined,
    attributes: undefined,
    id: undefined,
    dueAtMs: undefined,
    isOptional: true,
  };
}
