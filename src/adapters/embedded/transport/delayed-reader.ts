// Delayed messages as the main thread reads them: pages of them, and which timers may be the one
// that is to be cancelled. Decides nothing: the transaction does. Always true: every timer shown
// matched its checksum; every statement is finished before a call returns.
import { type Clock, delay } from "../../../kernel/clock.ts";
import { idBytes, writeGivenId } from "../../../kernel/id.ts";
import {
  type DelayedIdentity,
  type DelayedMessage,
  type DelayedPage,
  placeOf,
  placeText,
} from "../../../ports/delayed.ts";
import { priorityOf } from "../journal/catalog.ts";
import { checkRowCrc, viewOf } from "../journal/format.ts";
import type { ReadConnection, ReadStatement, Row } from "./guarded-connection.ts";

/** Timers that one statement of a search looks at. */
export const searchedAtOnce = 10_000;
/** Where the first id of a batch stands in its blob, counted from 1. */
const idAt = 41;

/** Reads timers on the connection it is given. */
export class DelayedReader {
  readonly #clock: Clock;
  readonly #selectPage: ReadStatement;
  readonly #selectDue: ReadStatement;
  readonly #selectSlice: ReadStatement;
  readonly #selectLast: ReadStatement;

  constructor(connection: ReadConnection, clock: Clock) {
    this.#clock = clock;
    const isId = `hex(substr(data, ${idAt}, ${idBytes})) = ?`;
    this.#selectPage = connection.prepare(
      "SELECT * FROM timer WHERE channel = ? AND due_at >= ? AND (due_at > ? OR id > ?) " +
        "ORDER BY due_at, id LIMIT ?",
    );
    this.#selectDue = connection.prepare(
      `SELECT id FROM timer WHERE due_at = ? AND channel = ? AND ${isId}`,
    );
    this.#selectSlice = connection.prepare(
      `SELECT id FROM timer WHERE id > ? AND id <= ? AND channel = ? AND ${isId}`,
    );
    this.#selectLast = connection.prepare("SELECT min(id) AS first, max(id) AS last FROM timer");
  }

  /** The next timers of a channel in order of due time. */
  page(
    channel: { readonly id: number; readonly name: string },
    after: string | undefined,
    messagesMax: number,
  ): DelayedPage {
    const [dueAtMs, number] = placeOf(after);
    const from = Math.max(dueAtMs, -Number.MAX_VALUE);
    const rows = this.#selectPage.all(channel.id, from, from, number, messagesMax);
    const messages = rows.map((row) => messageOf(channel.name, row));
    const last = rows.at(-1);
    const isFull = rows.length === messagesMax && last !== undefined;
    const next = isFull ? placeText(Number(last["due_at"]), Number(last["id"])) : undefined;
    return { messages, next };
  }

  /** The timers whose id has the same 16 bytes; all that were committed before the call. */
  async candidates(channel: number, { id, dueAtMs }: DelayedIdentity): Promise<number[]> {
    const bytes = Buffer.alloc(idBytes);
    writeGivenId(bytes, 0, id);
    const hex = bytes.toString("hex").toUpperCase();
    if (dueAtMs !== undefined) return numbers(this.#selectDue.all(dueAtMs, channel, hex));
    const { first, last } = this.#selectLast.get() ?? {};
    const found: number[] = [];
    for (let at = Number(first ?? 0) - 1; at < Number(last ?? 0); at += searchedAtOnce) {
      found.push(...numbers(this.#selectSlice.all(at, at + searchedAtOnce, channel, hex)));
      // Others get a turn between slices.
      if (at + searchedAtOnce < Number(last)) await delay(this.#clock, 0);
    }
    return found;
  }
}

function numbers(rows: readonly Row[]): number[] {
  return rows.map((row) => Number(row["id"]));
}

function messageOf(channel: string, row: Row): DelayedMessage {
  const data = row["data"] as Uint8Array;
  const [channelId, lane] = [Number(row["channel"]), Number(row["lane"])];
  const [dueAtMs, acceptedAtMs] = [Number(row["due_at"]), Number(row["accepted_at"])];
  checkRowCrc("a timer", Number(row["crc"]), [channelId, lane, dueAtMs, acceptedAtMs], data);
  const view = viewOf(data);
  const { source, type, version } = view.templateAt(0);
  const { tenant } = view.attributesAt(0);
  const [id, key, priority] = [view.idAt(0), view.keyAt(0), priorityOf(lane)];
  return { channel, id, source, type, version, key, priority, tenant, dueAtMs, acceptedAtMs };
}
