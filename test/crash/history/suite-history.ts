// The history of a suite, in its test process: what it publishes itself, what its processes noted,
// and what there is in the end. The history checker judges it. Knows no workload. Always true:
// every wait has a limit, and what is not settled by then is a violation.
import { setTimeout as pause } from "node:timers/promises";
import type { Bus } from "spillway";
import { HistoryChecker, type HistoryEvent, type HistoryRules } from "spillway/testing";
import { steadyNowMs, type Untimed } from "./history-notes.ts";
import { notedIn } from "./note-files.ts";

type Sent = Pick<Extract<HistoryEvent, { kind: "invoke" }>, "id" | "key" | "sequence" | "value">;
type Shown = Pick<Extract<HistoryEvent, { kind: "replay" }>, "id" | "key" | "value">;

const settleMs = 90_000;
const settlePauseMs = 20;

/** See the head of this file. */
export class SuiteHistory {
  readonly #checker: HistoryChecker;
  readonly #late: string[] = [];
  readonly #counts = new Map<HistoryEvent["kind"], number>();
  #operations = 0;

  constructor(rules: HistoryRules = {}) {
    this.#checker = new HistoryChecker({ stuckMs: settleMs / 3, ...rules });
  }

  /** Something that the test process itself sees now. */
  add(event: Untimed): void {
    this.#take({ ...event, atMs: steadyNowMs() });
  }

  /** What processes have noted, all of which have ended or stand still. */
  addNotes(...paths: readonly string[]): void {
    for (const event of notedIn(...paths)) this.#take(event);
  }

  /** How many events of a kind there were. */
  count(kind: HistoryEvent["kind"]): number {
    return this.#counts.get(kind) ?? 0;
  }

  /** One call that publishes all of these, in this order, by the test process. */
  async published(
    log: string,
    messages: readonly Sent[],
    call: () => Promise<readonly { readonly offset?: number | undefined }[]>,
  ): Promise<void> {
    const operations = messages.map((message) => {
      const operation = ++this.#operations;
      this.add({ kind: "invoke", operation, log, publisher: "test", ...message });
      return operation;
    });
    const receipts = await call();
    for (const [index, operation] of operations.entries()) {
      this.add({ kind: "ok", operation, offset: receipts[index]?.offset });
    }
  }

  /** The log, read in full; `shown` names its messages, and leaves out what nobody published. */
  async addLog<Message extends { readonly offset: number }>(
    log: string,
    messages: AsyncIterable<Message>,
    shown: (message: Message) => Shown | undefined,
  ): Promise<void> {
    let endOffset = 0;
    for await (const message of messages) {
      const { offset } = message;
      const event = shown(message);
      if (event !== undefined) this.add({ kind: "replay", log, offset, ...event });
      endOffset = offset + 1;
    }
    this.add({ kind: "replay-end", log, startOffset: 0, endOffset });
  }

  /** Waits until these groups have settled everything in the log of a channel. */
  async settled(bus: Bus, channel: string, groups: readonly string[]): Promise<void> {
    const startMs = steadyNowMs();
    for (;;) {
      const stats = (await bus.stats()).channels.find((each) => each.channel === channel);
      const depths = groups.map((name) => stats?.groups.find(({ group }) => group === name)?.depth);
      if (depths.every((depth) => depth === 0)) break;
      if (steadyNowMs() - startMs > settleMs) {
        this.#take({ kind: "calm", atMs: startMs });
        this.#late.push(`stuck: ${JSON.stringify(stats)}`);
        return;
      }
      await pause(settlePauseMs);
    }
    for (const group of groups) this.add({ kind: "drained", group, log: channel });
  }

  /** Judges everything, once. */
  violations(): string[] {
    const found = this.#checker.finish().map(({ kind, message }) => `${kind}: ${message}`);
    return [...found, ...this.#late];
  }

  #take(event: HistoryEvent): void {
    this.#counts.set(event.kind, (this.#counts.get(event.kind) ?? 0) + 1);
    this.#checker.add(event);
  }
}
