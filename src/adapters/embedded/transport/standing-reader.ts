// Where a group stands at one range of keys, read from what is stored: cursor, open lists, lease.
// Knows nothing of consumers. Always true: every row that decides matched its checksum.
import { priorities } from "../../../message/envelope.ts";
import type {
  ListedMessage,
  RangeStanding,
  StandingQuery,
} from "../../../ports/message-standing.ts";
import { damaged, decodeOpen } from "../journal/format.ts";
import { cursorCrc, openCrc } from "../journal/row-checksums.ts";
import type { ReadConnection, ReadStatement } from "./guarded-connection.ts";

/** Reads on the connection it is given. */
export class StandingReader {
  readonly #selectGroup: ReadStatement;
  readonly #selectCursor: ReadStatement;
  readonly #selectOpen: ReadStatement;
  readonly #selectOwner: ReadStatement;
  readonly #selectMembers: ReadStatement;

  constructor(connection: ReadConnection) {
    this.#selectGroup = connection.prepare(
      "SELECT grp.id, channel.partitions, (SELECT log.id FROM log WHERE log.channel = channel.id " +
        "AND log.lane = ?) AS log FROM grp JOIN channel ON channel.id = grp.channel " +
        "WHERE channel.name = ? AND grp.name = ?",
    );
    this.#selectCursor = connection.prepare(
      "SELECT position, crc FROM cursor WHERE grp = ? AND log = ? AND range = ?",
    );
    this.#selectOpen = connection.prepare(
      "SELECT base, entries, crc FROM open WHERE grp = ? AND log = ? AND range = ? ORDER BY base",
    );
    this.#selectOwner = connection.prepare(
      "SELECT member.process FROM lease JOIN member ON member.id = lease.member " +
        "WHERE lease.grp = ? AND lease.range = ?",
    );
    this.#selectMembers = connection.prepare("SELECT count(*) AS n FROM member WHERE grp = ?");
  }

  /** See Transport.standing(); `process` is the number of this one. */
  standing(query: StandingQuery, process: number): RangeStanding | undefined {
    const { channel, group: name, priority, slot } = query;
    const row = this.#selectGroup.get(priorities.indexOf(priority), channel, name);
    if (row === undefined) return undefined;
    const group = Number(row["id"]);
    const range = (slot * Number(row["partitions"])) >>> 16;
    const members = Number(this.#selectMembers.get(group)?.["n"] ?? 0);
    const holder = this.#selectOwner.get(group, range)?.["process"];
    const owner =
      holder === undefined ? "nobody" : Number(holder) === process ? "here" : "elsewhere";
    if (row["log"] === null) return { position: 0, open: [], owner, members };
    const log = Number(row["log"]);
    const position = this.#position(group, log, range);
    return { position, open: this.#open(group, log, range), owner, members };
  }

  #position(group: number, log: number, range: number): number {
    const row = this.#selectCursor.get(group, log, range);
    if (row === undefined) return 0;
    const position = Number(row["position"]);
    if (cursorCrc(group, log, range, position) === Number(row["crc"])) return position;
    throw damaged(`the cursor of range ${range} does not match its checksum`, { row: "cursor" });
  }

  #open(group: number, log: number, range: number): readonly ListedMessage[] {
    return this.#selectOpen.all(group, log, range).flatMap((row) => {
      const entries = row["entries"] as Uint8Array;
      const base = Number(row["base"]);
      if (openCrc(group, log, range, base, entries) === Number(row["crc"])) {
        return decodeOpen(base, entries);
      }
      throw damaged(`an open list of range ${range} does not match its checksum`, { row: "open" });
    });
  }
}
