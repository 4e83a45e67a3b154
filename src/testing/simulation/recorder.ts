// The history of a simulated run, as its clients note it, and what the verdict needs beside it.
// Knows no rule. Always true: nothing is noted for a process that has ended; what such a process
// had begun to publish is noted as unknown.
import type { Priority } from "../../message/envelope.ts";
import type { HistoryEvent } from "../history/history-event.ts";
import { ExpiryRules } from "./expiry-rules.ts";
import type { Trace } from "./trace.ts";

/** The log of a channel and priority, as the history names it. */
export function logName(channel: string, priority: Priority): string {
  return `${channel}/${priority}`;
}

/** The name of a message in the history, and its id where it is given one. */
export function messageId(n: number): string {
  return `m${n}`;
}

/** The name of the result of a message. */
export function resultId(n: number): string {
  return `r${n}`;
}

/** One handler call that began. */
export interface Call {
  readonly group: string;
  readonly member: string;
  readonly log: string;
  readonly offset: number;
  readonly id: string;
  readonly key: string;
  readonly n: number;
  readonly attempt: number;
}

/** A publish that has no outcome yet. */
interface Publishing {
  readonly member: string;
  readonly log: string;
  readonly id: string;
  readonly interrupted: () => void;
}

/** See the head of this file. */
export class Recorder {
  readonly events: HistoryEvent[] = [];
  /** What no history shows: errors that nobody injected, overlaps … */
  readonly troubles: string[] = [];
  /** Handler calls that went well, by "group id". */
  readonly done = new Map<string, number>();
  /** Handler calls that failed. */
  readonly failures = new Map<string, number>();
  /** Handler calls that began. */
  readonly calls = new Map<string, number>();
  readonly expiry = new ExpiryRules();
  readonly #trace: Trace;
  readonly #nowMs: () => number;
  readonly #publishing = new Map<number, Publishing>();
  readonly #listeners: ((log: string, id: string) => void)[] = [];
  /** How often keys have moved, in all, and when each message was last given to a handler. */
  #moves = 0;
  readonly #movesSeen = new Map<string, number>();
  readonly #dueAtMs = new Map<string, number>();
  #operations = 0;

  constructor(trace: Trace, nowMs: () => number) {
    this.#trace = trace;
    this.#nowMs = nowMs;
  }

  /** Virtual time. */
  get nowMs(): number {
    return this.#nowMs();
  }

  /** Takes an event down. */
  note(event: HistoryEvent): void {
    this.events.push(event);
  }

  /** Something that must not be. */
  trouble(text: string): void {
    this.#trace.note(`trouble: ${text}`);
    if (this.troubles.length < 100) this.troubles.push(text);
  }

  /** A process begins to publish; returns the operation. `interrupted`: it was killed meanwhile. */
  invoke(
    member: string,
    message: {
      log: string;
      id: string;
      key: string | undefined;
      value: string;
      isSkippable: boolean;
    },
    dueAtMs: number | undefined,
    interrupted: () => void,
  ): number {
    const operation = ++this.#operations;
    const { id, log } = message;
    this.#publishing.set(operation, { member, id, log, interrupted });
    this.#trace.note(`${member} publishes ${message.id}`);
    if (dueAtMs !== undefined && !this.#dueAtMs.has(message.id)) {
      this.#dueAtMs.set(message.id, dueAtMs);
    }
    this.note({ kind: "invoke", atMs: this.#nowMs(), operation, ...message, dueAtMs });
    return operation;
  }

  /** What became of it; false where its process has ended, which noted it already. */
  publishEnded(operation: number, outcome: "ok" | "failed" | "unknown", offset?: number): boolean {
    const publish = this.#publishing.get(operation);
    if (publish === undefined) return false;
    this.#publishing.delete(operation);
    this.#trace.note(`publish ${operation} ${outcome} ${offset ?? ""}`);
    const atMs = this.#nowMs();
    if (outcome === "ok") {
      this.note({ kind: "ok", atMs, operation, offset });
      const isVisible = !this.#dueAtMs.has(publish.id) && !this.expiry.has(publish.id);
      if (isVisible) for (const listener of this.#listeners) listener(publish.log, publish.id);
    } else this.note({ kind: outcome, atMs, operation });
    return true;
  }

  /** Calls back for each message that is surely stored, can be read at once, and stays. */
  onStored(listener: (log: string, id: string) => void): void {
    this.#listeners.push(listener);
  }

  /** A process was killed. */
  crashed(member: string): void {
    for (const [operation, publish] of this.#publishing) {
      if (publish.member !== member) continue;
      this.publishEnded(operation, "unknown");
      publish.interrupted();
    }
    this.note({ kind: "crash", atMs: this.#nowMs(), member });
  }

  /** Keys changed their member, or a unit was refused. */
  moved(): void {
    this.#moves++;
  }

  /** How often that happened. */
  get moves(): number {
    return this.#moves;
  }

  /** When a delayed message is due, the earliest time that was asked for. */
  dueAtMs(id: string): number | undefined {
    return this.#dueAtMs.get(id);
  }

  /** A handler began; `isContended`: it may be called again because others changed its state. */
  delivered(call: Call, isContended: boolean): void {
    const { group, member, log, offset, id, key, attempt } = call;
    const name = `${group} ${id}`;
    // Keys may have moved while the call before was under way; then it counts for nothing.
    const hasMoved = (this.#movesSeen.get(name) ?? this.#moves) < this.#moves;
    this.#movesSeen.set(name, this.#moves);
    if (hasMoved || (isContended && this.done.has(name))) {
      this.note({ kind: "rebalance", atMs: this.#nowMs(), group });
    }
    count(this.calls, name);
    this.#trace.note(`${member} ${group} gets ${id} at ${log} ${offset}, attempt ${attempt}`);
    const atMs = this.#nowMs();
    this.note({ kind: "delivery", atMs, group, member, log, offset, id, key, attempt });
  }

  /** It ended. */
  handled(call: Call, outcome: "done" | "failed" | "given-up" | "abandoned"): void {
    const { group, member, log, offset, id } = call;
    this.#trace.note(`${member} ${group} ${outcome} ${id}`);
    const name = `${group} ${id}`;
    if (outcome === "done") count(this.done, name);
    else if (outcome !== "abandoned") count(this.failures, name);
    this.note({ kind: "handled", atMs: this.#nowMs(), group, member, log, offset, outcome });
  }

  /** A call that went well publishes a result, if and when its message is settled. */
  caused({ n, key }: Call): void {
    const [atMs, operation] = [this.#nowMs(), ++this.#operations];
    const log = logName("results", "normal");
    this.note({ kind: "invoke", atMs, operation, log, id: resultId(n), key, value: `${n} ${key}` });
    this.note({ kind: "unknown", atMs, operation });
  }

  /** Publishes that have no outcome yet. */
  get publishesUnderWay(): number {
    return this.#publishing.size;
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
