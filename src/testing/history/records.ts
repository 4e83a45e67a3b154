// The logs, groups and readers of one history, each made when it is first named. Knows no rule.
import { SpillwayError } from "../../errors/spillway-error.ts";
import { GroupEffects } from "./group-effects.ts";
import { GroupRecord } from "./group-record.ts";
import type { LogName } from "./history-event.ts";
import { LogRecord } from "./log-record.ts";
import { TailRecord } from "./tail-record.ts";
import { TopicRecord } from "./topic-record.ts";
import type { ViolationList } from "./violation.ts";

/** What is published together, and the log that it goes to, or its partitions. */
export interface Topic {
  readonly record: TopicRecord;
  readonly logs: LogRecord[];
  readonly groups: GroupRecord[];
  readonly tails: TailRecord[];
  readonly effects: Map<string, GroupEffects>;
}

/** See the head of this file. */
export class Records {
  readonly topics = new Map<LogName, Topic>();
  readonly #violations: ViolationList;
  readonly #dedupeWindowMs: number;
  readonly #isDense: boolean;
  readonly #topicOf = new Map<LogName, Topic>();
  readonly #logs = new Map<LogName, LogRecord>();
  readonly #groups = new Map<string, GroupRecord>();
  readonly #tails = new Map<string, TailRecord>();
  readonly #tailsOf = new Map<string, TailRecord[]>();

  constructor(violations: ViolationList, dedupeWindowMs: number, isDense: boolean) {
    this.#violations = violations;
    this.#dedupeWindowMs = dedupeWindowMs;
    this.#isDense = isDense;
  }

  /** What is published under this name, or to the log that this is a partition of. */
  topic(name: LogName): Topic {
    const known = this.#topicOf.get(name) ?? this.topics.get(name);
    if (known !== undefined) return known;
    const record = new TopicRecord(name, this.#violations, this.#dedupeWindowMs);
    const topic: Topic = { record, logs: [], groups: [], tails: [], effects: new Map() };
    this.topics.set(name, topic);
    return topic;
  }

  /** From now on this log is a partition of the other. */
  addPartition(log: LogName, of: LogName): void {
    if (this.#logs.has(log) || this.topics.has(log)) {
      throw new SpillwayError(
        "INVALID_ARGUMENT",
        `checkHistory: '${log}' is in the history already: note its 'partition' event first`,
      );
    }
    this.#topicOf.set(log, this.topic(of));
    this.log(log);
  }

  log(name: LogName): LogRecord {
    let log = this.#logs.get(name);
    if (log === undefined) {
      const topic = this.topic(name);
      log = new LogRecord(name, topic.record, this.#violations, this.#isDense);
      this.#logs.set(name, log);
      topic.logs.push(log);
    }
    return log;
  }

  group(group: string, log: LogName): GroupRecord {
    const name = `${group}\u0000${log}`;
    let record = this.#groups.get(name);
    if (record === undefined) {
      const effects = this.effects(group, log);
      record = new GroupRecord(group, this.log(log), effects, this.#violations);
      this.#groups.set(name, record);
      this.topic(log).groups.push(record);
    }
    return record;
  }

  effects(group: string, log: LogName): GroupEffects {
    const topic = this.topic(log);
    let effects = topic.effects.get(group);
    if (effects === undefined) {
      effects = new GroupEffects(group, topic.record, this.#violations);
      topic.effects.set(group, effects);
    }
    return effects;
  }

  tail(reader: string, log: LogName): TailRecord {
    const name = `${reader}\u0000${log}`;
    let record = this.#tails.get(name);
    if (record === undefined) {
      record = new TailRecord(reader, this.log(log), this.#violations);
      this.#tails.set(name, record);
      this.topic(log).tails.push(record);
      this.#tailsOf.set(reader, [...(this.#tailsOf.get(reader) ?? []), record]);
    }
    return record;
  }

  get groups(): Iterable<GroupRecord> {
    return this.#groups.values();
  }

  /** Everything that a reader follows, or all readers do. */
  tailsOf(reader: string | undefined): Iterable<TailRecord> {
    return reader === undefined ? this.#tails.values() : (this.#tailsOf.get(reader) ?? []);
  }
}
