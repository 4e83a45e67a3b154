// The members of this process and the leases on ranges of key slots (docs/adr/0003). The wanted
// owner of range r is the member at r modulo members, in the order they joined; a free range is
// taken by its wanted owner, a range held by another one is asked back. Always true: `held` says
// what the database said when this process last looked; each grant has a higher epoch than the
// one before.
import { SpillwayError } from "../../../errors/spillway-error.ts";
import type { Catalog, Channel } from "./catalog.ts";
import type { EngineNotice, RangeGrant } from "./engine.ts";
import type { Groups } from "./groups.ts";
import { type Lease, leasesOf } from "./lease-rows.ts";
import { leaseCrc, metaCrc } from "./row-checksums.ts";
import type { Writer } from "./writer.ts";

/** What a committed unit leaves behind for the versions −n of later units. */
export interface RecentUnit {
  readonly version: number;
  /** Rows that the unit deleted: they have no version any more. */
  readonly deleted: ReadonlySet<string> | undefined;
}

/** One member of this process. */
export interface LocalMember {
  readonly id: number;
  readonly group: number;
  readonly channelName: string;
  /** Epoch by range. */
  readonly held: Map<number, number>;
  /** Ranges that were asked back. */
  readonly asked: Set<number>;
  /** Units of this generation and older ones are refused. */
  poisonedGeneration: number;
  /** Committed units by sequence, the latest `recentUnitsMax`. */
  readonly recent: Map<number, RecentUnit>;
}

/** See the head of this file. */
export class Members {
  readonly #writer: Writer;
  readonly #catalog: Catalog;
  readonly #groups: Groups;
  readonly #notify: (notice: EngineNotice) => void;
  readonly #local = new Map<number, LocalMember>();
  #membersVersion: string;

  constructor(parts: {
    readonly writer: Writer;
    readonly catalog: Catalog;
    readonly groups: Groups;
    readonly notify: (notice: EngineNotice) => void;
  }) {
    this.#writer = parts.writer;
    this.#catalog = parts.catalog;
    this.#groups = parts.groups;
    this.#notify = parts.notify;
    this.#membersVersion = parts.writer.meta("members");
  }

  /** The members of this process. */
  get local(): ReadonlyMap<number, LocalMember> {
    return this.#local;
  }

  /** The groups that have a member in this process. */
  localGroups(): Set<number> {
    return new Set([...this.#local.values()].map((member) => member.group));
  }

  /** Adds a member and gives it what is free for it; returns its number. */
  join(group: number, channel: Channel, process: number): { member: number; notices: Notices } {
    const id = this.#writer.insert(
      "INSERT INTO member (grp, process) VALUES (?, ?)",
      group,
      process,
    );
    this.#local.set(id, {
      id,
      group,
      channelName: channel.name,
      held: new Map(),
      asked: new Set(),
      poisonedGeneration: 0,
      recent: new Map(),
    });
    this.raiseVersion();
    return { member: id, notices: this.takeFree(group) };
  }

  /** Forgets a member that never came to be: its join was rolled back. */
  forget(member: number): void {
    this.#local.delete(member);
  }

  /** Removes a member and frees what it holds; inside a transaction. */
  leave(member: LocalMember): Notices {
    this.#writer.run("DELETE FROM member WHERE id = ?", member.id);
    this.#free(member.group, (lease) => lease.member === member.id);
    this.raiseVersion();
    return this.takeFree(member.group, member.id);
  }

  /** Frees ranges that were asked back; inside a transaction. */
  release(member: LocalMember, ranges: readonly number[]): Notices {
    const released = new Set(ranges);
    this.#free(
      member.group,
      ({ range, epoch, member: owner }) =>
        released.has(range) && owner === member.id && epoch === member.held.get(range),
    );
    this.raiseVersion();
    return this.takeFree(member.group, undefined, { member: member.id, ranges: released });
  }

  /** Frees everything of a dead process; inside a transaction. */
  removeProcess(process: number): void {
    const rows = this.#writer.all<{ id: number; grp: number }>(
      "SELECT id, grp FROM member WHERE process = ?",
      process,
    );
    for (const { id, grp } of rows) this.#free(grp, (lease) => lease.member === id);
    this.#writer.run("DELETE FROM member WHERE process = ?", process);
    if (rows.length > 0) this.raiseVersion();
  }

  /** Puts the members of this process back after their rows vanished; inside a transaction. */
  rejoin(process: number): void {
    for (const { id, group } of this.#local.values()) {
      this.#writer.run(
        // Its channel may have been removed meanwhile.
        "INSERT OR IGNORE INTO member (id, grp, process) SELECT ?, id, ? FROM grp WHERE id = ?",
        id,
        process,
        group,
      );
      this.#free(group, (lease) => lease.member === id);
    }
    this.raiseVersion();
  }

  /** Takes the free ranges of a group that its local members are wanted for; in a transaction. */
  takeFree(group: number, left?: number, released?: Released): Notices {
    const members = this.#memberIds(group);
    const grants = new Map<number, RangeGrant[]>();
    for (const { range, epoch, member: owner } of leasesOf(this.#writer, group)) {
      const free = owner === 0 || !members.includes(owner);
      const wanted = this.#local.get(members[range % members.length] ?? 0);
      if (!free || wanted === undefined || wanted.id === left) continue;
      this.#writeLease(group, range, epoch + 1, wanted.id);
      const channel = this.#catalog.channel(wanted.channelName);
      const grant = this.#groups.grant(group, channel, range, epoch + 1);
      const list = grants.get(wanted.id);
      if (list === undefined) grants.set(wanted.id, [grant]);
      else list.push(grant);
    }
    return { grants, left, released };
  }

  /** Whether a local member could take a range of this group now. */
  hasFree(group: number): boolean {
    const members = this.#memberIds(group);
    return leasesOf(this.#writer, group).some(
      ({ range, member: owner }) =>
        (owner === 0 || !members.includes(owner)) &&
        this.#local.has(members[range % members.length] ?? 0),
    );
  }

  /** After the commit: remembers and tells what was granted. */
  announce({ grants, left, released }: Notices): void {
    if (left !== undefined) this.#local.delete(left);
    const releaser = this.#local.get(released?.member ?? 0);
    for (const range of released?.ranges ?? []) {
      releaser?.held.delete(range);
      releaser?.asked.delete(range);
    }
    for (const [id, list] of grants) {
      const member = this.#local.get(id);
      if (member === undefined) continue;
      for (const { range, epoch } of list) {
        member.held.set(range, epoch);
        member.asked.delete(range);
      }
      this.#notify({ kind: "granted", member: id, grants: list });
    }
  }

  /** Says "lost" for ranges that the member holds no longer, or only believes to hold. */
  lose(member: LocalMember, ranges: readonly number[]): void {
    for (const range of ranges) {
      member.held.delete(range);
      member.asked.delete(range);
    }
    if (ranges.length > 0) this.#notify({ kind: "lost", member: member.id, ranges });
  }

  /** After the process came back: whatever its members held, others may have had meanwhile. */
  loseAll(): void {
    for (const member of this.#local.values()) this.lose(member, [...member.held.keys()]);
  }

  /** Compares what local members of a group hold with the database: says "lost" and "revoke". */
  review(group: number): void {
    const members = this.#memberIds(group);
    const leases = new Map(leasesOf(this.#writer, group).map((lease) => [lease.range, lease]));
    for (const member of this.#local.values()) {
      if (member.group !== group) continue;
      const lost: number[] = [];
      const asked: number[] = [];
      for (const [range, epoch] of member.held) {
        const lease = leases.get(range);
        if (lease?.member !== member.id || lease.epoch !== epoch) lost.push(range);
        else if (members[range % members.length] !== member.id && !member.asked.has(range)) {
          asked.push(range);
        }
      }
      this.lose(member, lost);
      for (const range of asked) member.asked.add(range);
      if (asked.length > 0) this.#notify({ kind: "revoke", member: member.id, ranges: asked });
    }
  }

  /** Whether members or leases changed since the last call, by anybody's commit. */
  changed(): boolean {
    const version = this.#writer.meta("members");
    if (version === this.#membersVersion) return false;
    this.#membersVersion = version;
    return true;
  }

  /** The next changed() says yes, whatever happened. */
  reviewAgain(): void {
    this.#membersVersion = "";
  }

  /** Tells all processes that members or leases changed; inside a transaction. */
  raiseVersion(): void {
    const value = String(this.#writer.commitNumber);
    this.#writer.run(
      "UPDATE meta SET value = ?, crc = ? WHERE name = 'members'",
      value,
      metaCrc("members", value),
    );
  }

  /** The member of this process with that number; throws INVALID_ARGUMENT for any other. */
  get(id: number): LocalMember {
    const member = this.#local.get(id);
    if (member !== undefined) return member;
    throw new SpillwayError("INVALID_ARGUMENT", `this process has no group member ${id}`);
  }

  #memberIds(group: number): number[] {
    const rows = this.#writer.all<{ id: number }>(
      "SELECT id FROM member WHERE grp = ? ORDER BY id",
      group,
    );
    return rows.map(({ id }) => id);
  }

  #free(group: number, which: (lease: Lease) => boolean): void {
    for (const lease of leasesOf(this.#writer, group)) {
      if (which(lease)) this.#writeLease(group, lease.range, lease.epoch, 0);
    }
  }

  #writeLease(group: number, range: number, epoch: number, member: number): void {
    this.#writer.run(
      "UPDATE lease SET epoch = ?, member = ?, crc = ? WHERE grp = ? AND range = ?",
      epoch,
      member,
      leaseCrc(group, range, epoch, member),
      group,
      range,
    );
  }
}

interface Released {
  readonly member: number;
  readonly ranges: ReadonlySet<number>;
}

/** What a transaction changed for local members: told once it committed. */
export interface Notices {
  readonly grants: ReadonlyMap<number, RangeGrant[]>;
  readonly left: number | undefined;
  readonly released: Released | undefined;
}
