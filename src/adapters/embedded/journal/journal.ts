// An open journal: its parts, and what each request does with them. Synchronous; knows nothing of
// threads, promises or handlers. Always true: what a request tells (grants, ends) is told after its
// transaction committed, and before it returns.
import { SpillwayError } from "../../../errors/spillway-error.ts";
import type { Clock } from "../../../kernel/clock.ts";
import type { Random } from "../../../kernel/random.ts";
import { Appender } from "./append.ts";
import { Catalog } from "./catalog.ts";
import { CursorCopies } from "./cursor-copies.ts";
import { Deduper } from "./dedupe.ts";
import { Doubts } from "./doubts.ts";
import { doubtsBehind, isBehind } from "./doubts-behind-tail.ts";
import type {
  Doubt,
  EngineNotice,
  EngineOptions,
  EngineRequests,
  EngineUnit,
  EngineUnitResult,
  Resumption,
} from "./engine.ts";
import { DiskSpace } from "./disk-space.ts";
import { FileIdentity } from "./file-identity.ts";
import { GroupExpiry } from "./group-expiry.ts";
import { Groups, selectionText } from "./groups.ts";
import { Health } from "./health.ts";
import { ChannelLimits } from "./limits.ts";
import { LogEnds } from "./log-ends.ts";
import { Members, type Notices } from "./members.ts";
import { PendingRows } from "./pending-rows.ts";
import { Processes } from "./processes.ts";
import { Removals } from "./removal.ts";
import { resume } from "./resume.ts";
import { Retention } from "./retention.ts";
import { isHeldUp } from "./sqlite-errors.ts";
import { Stats } from "./stats.ts";
import { readTail } from "./tail-file.ts";
import { TailKeeper } from "./tail-keeper.ts";
import { Timers } from "./timers.ts";
import { Units } from "./units.ts";
import type { Writer, WriterEnvironment } from "./writer.ts";

/** What a core is given by whoever runs it. */
export interface CoreEnvironment extends Pick<WriterEnvironment, "commit"> {
  readonly clock: Clock;
  readonly random: Random;
  /** Where this process can be rung, kept in its row; "" for nowhere. */
  readonly bell: string;
  /** Called for each notice, in order, while a request or tick runs. */
  readonly onNotice: (notice: EngineNotice) => void;
  /** Main's sign of life: a number that rises while its event loop turns. */
  readonly progress: () => number;
  /** Called now and then while the write lock is awaited. */
  readonly onWaiting?: () => void;
}

/** See the head of this file. */
export class Journal {
  readonly options: EngineOptions;
  readonly environment: CoreEnvironment;
  readonly incarnation: string;
  readonly writer: Writer;
  readonly catalog: Catalog;
  readonly timers: Timers;
  readonly appender: Appender;
  readonly groups: Groups;
  readonly members: Members;
  readonly processes: Processes;
  readonly health: Health;
  readonly space: DiskSpace;
  readonly ends: LogEnds;
  readonly stats: Stats;
  readonly limits: ChannelLimits;
  readonly retention: Retention;
  readonly removals: Removals;
  readonly copies: CursorCopies;
  readonly expiry: GroupExpiry;
  readonly files: FileIdentity;
  readonly #units: Units;
  readonly #tail: TailKeeper;
  readonly #doubts: Doubts;
  /** Ranges and members to give up that were held up; at most one each a member or revoke. */
  #owed: { readonly what: string; readonly action: () => Notices }[] = [];

  constructor(
    environment: CoreEnvironment,
    options: EngineOptions,
    writer: Writer,
    resumption: Resumption | undefined,
  ) {
    const { clock, random, onNotice: notify } = environment;
    this.environment = environment;
    this.options = options;
    this.writer = writer;
    this.incarnation = writer.meta("incarnation");
    this.copies = new CursorCopies(writer);
    const pending = new PendingRows(writer, this.copies);
    const catalog = (this.catalog = new Catalog(writer));
    const window = { windowMs: options.dedupeWindowMs, countMax: options.dedupeCountMax };
    const doubts = (this.#doubts = new Doubts(writer, catalog));
    const deduper = new Deduper(writer, catalog, window, random.uint32());
    const timers = (this.timers = new Timers(writer, deduper, doubts));
    const limits = (this.limits = new ChannelLimits({ writer, catalog, pending, clock, notify }));
    this.appender = new Appender({ writer, catalog, deduper, timers, doubts, limits, clock });
    this.groups = new Groups(writer, catalog, pending);
    this.members = new Members({ writer, catalog, groups: this.groups, notify });
    this.health = new Health(notify);
    this.space = new DiskSpace({
      ...options,
      health: this.health,
      nowMs: () => clock.monotonicMs(),
      isMaker: () => this.processes.isEldest(),
    });
    const { appender, members, space } = this;
    this.#units = new Units({ writer, catalog, pending, members, appender, space, limits });
    this.stats = new Stats({ writer, catalog, clock });
    this.retention = new Retention(writer, catalog, clock);
    this.removals = new Removals({ writer, catalog, notify });
    this.expiry = new GroupExpiry({ writer, catalog, clock, health: this.health, notify });
    this.#tail = new TailKeeper({ writer, catalog, doubts, health: this.health, options });
    const { state, tail } = readTail(options.directory);
    this.#tail.start(state !== "read");
    this.ends = new LogEnds(writer, notify);
    const noteDoubts = (known: readonly Doubt[]): void => {
      const behind = doubtsBehind(readTail(options.directory).tail, writer);
      doubts.keep([...behind, ...known], clock.wallMs());
    };
    if (resumption !== undefined) resume({ writer, noteDoubts, members }, resumption);
    else if (isBehind(tail, writer)) {
      writer.transaction("noting what is in doubt", () => noteDoubts([]));
    }
    this.files = new FileIdentity(options.directory);
    this.processes = new Processes(writer, clock, environment.bell, options.leaseMs);
    this.writer.othersCommitted();
  }

  /** Creates a channel or changes what may change of it. */
  declare({ channel }: EngineRequests["declare"]["request"]): null {
    if (this.catalog.isDeclared(channel)) return null;
    this.writer.transaction(`declaring channel '${channel.name}'`, () => {
      if (!this.catalog.isDeclared(channel)) this.catalog.declare(channel);
    });
    return null;
  }

  /** Applies units; see Units. */
  transact(units: readonly EngineUnit[]): readonly EngineUnitResult[] {
    if (this.space.isShort) this.space.look();
    const results = this.#units.transact(units);
    for (const { appends } of units) for (const { blob } of appends) this.space.wrote(blob.length);
    this.ends.tell(this.catalog.moved);
    return results;
  }

  /** Joins a group; what is free for the new member is granted at once. */
  join(request: EngineRequests["join"]["request"]): EngineRequests["join"]["answer"] {
    const channel = this.catalog.channel(request.channel);
    const wallMs = this.environment.clock.wallMs();
    const selection = selectionText(request.types);
    let [member, back] = [0, false];
    try {
      const notices = this.writer.transaction(`joining group '${request.group}'`, () => {
        const group = this.groups.ensure(channel, request.group, selection, request.from, wallMs);
        this.groups.seen([group], wallMs);
        // A member of a process without a row would stay for ever if the process died now.
        back = this.comeBack();
        const joined = this.members.join(group, channel, this.processes.id);
        member = joined.member;
        return joined.notices;
      });
      if (back) this.members.loseAll();
      this.members.announce(notices);
    } catch (error) {
      this.members.forget(member);
      throw error;
    }
    this.#reviewSoon();
    return { member, partitions: channel.partitions };
  }

  /** Puts back what others removed when they took this process for dead; in a transaction. */
  comeBack(): boolean {
    if (!this.processes.registerAgain()) return false;
    this.members.rejoin(this.processes.id);
    return true;
  }

  /** Frees ranges that were asked back; once the lock allows it. */
  release({ member, ranges }: EngineRequests["release"]["request"]): null {
    const local = this.members.get(member);
    this.#giveUp("releasing ranges", () => this.members.release(local, ranges));
    return null;
  }

  /** Takes a member out of its group; once the lock allows it. */
  leave(member: number): null {
    const local = this.members.get(member);
    this.#giveUp("leaving a group", () => {
      this.groups.seen([local.group], this.environment.clock.wallMs());
      return this.members.leave(local);
    });
    return null;
  }

  /** Whoever gives up does not come again: what is held up now is done later, not refused. */
  #giveUp(what: string, action: () => Notices): void {
    this.#owed.push({ what, action });
    try {
      this.space.withReserve(() => this.payOwed());
    } catch (error) {
      if (!isHeldUp(error)) throw error;
    }
    this.#reviewSoon();
  }

  /** Gives up what was held up so far, in order. */
  payOwed(): void {
    for (let owed = this.#owed[0]; owed !== undefined; owed = this.#owed[0]) {
      let done = true;
      try {
        this.members.announce(this.writer.transaction(owed.what, owed.action));
      } catch (error) {
        done = !isHeldUp(error);
        throw error;
      } finally {
        if (done) this.#owed.shift();
      }
    }
  }

  /** Says what was lost and what is asked back, and takes what became free; group by group. */
  reviewIfChanged(): void {
    if (!this.members.changed()) return;
    const failures: unknown[] = [];
    for (const group of this.members.localGroups()) {
      try {
        this.#review(group);
      } catch (error) {
        failures.push(error);
        // Each further group would wait as long again.
        if (isHeldUp(error)) break;
      }
    }
    if (failures.length === 0) return;
    // What could not be taken now is still free: the next look tries again.
    this.members.reviewAgain();
    throw failures[0];
  }

  #review(group: number): void {
    this.members.review(group);
    if (!this.members.hasFree(group)) return;
    const notices = this.writer.transaction("taking free ranges", () => {
      this.members.raiseVersion();
      return this.members.takeFree(group);
    });
    this.members.announce(notices);
  }

  /** After a request that took effect, whatever becomes of the review: the next look repeats it. */
  #reviewSoon(): void {
    try {
      this.reviewIfChanged();
    } catch (error) {
      this.writer.failed("reviewing leases", error);
    }
  }

  /** What the next life has to know of this one, which ended by `writer.failure`. */
  get resumption(): Resumption {
    const { incarnation, processes, writer } = this;
    const { isSuspect } = writer;
    const { underWay: doubts } = this.#doubts;
    return { incarnation, process: processes.id, doubts, isSuspect, believesDamage: false };
  }

  /** Closes the connection and nothing else: the disk takes no more. */
  abandon(): void {
    this.writer.close();
  }

  /** Leaves all groups and closes the connection, whatever happens on the way. */
  close(): void {
    try {
      this.space.withReserve(() => this.writer.transaction("closing", () => this.#leave()));
    } catch (error) {
      // The others notice the silence; what was acknowledged is stored either way.
      if (!(error instanceof SpillwayError)) throw error;
    } finally {
      this.writer.close();
    }
  }

  #leave(): void {
    this.copies.refresh();
    this.groups.seen(this.members.localGroups(), this.environment.clock.wallMs());
    for (const member of this.members.local.values()) this.members.leave(member);
    this.processes.leave();
  }
}
