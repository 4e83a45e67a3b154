// How far the logs of each channel reach, as the engine last said, and who wants to know. Knows
// nothing of groups or batches. Always true: an end never goes back; a listener is called after the
// end it waits for is visible to readers.
import { type Priority, priorities } from "../../../message/envelope.ts";
import type { LogPlace } from "./reader.ts";

/** Finds a log; see BatchReader. */
export interface LogFinder {
  log(channel: string, priority: Priority): LogPlace | undefined;
  channelId(channel: string): number | undefined;
}

/** One channel's ends, by lane, and its listeners. */
export class ChannelFeed {
  readonly ends: Float64Array = new Float64Array(priorities.length);
  /** The channel's number; another one has another feed, also of the same name. */
  readonly channel: number | undefined;
  /** Whether the channel was removed. */
  isRemoved = false;
  readonly #listeners = new Set<() => void>();

  constructor(channel?: number) {
    this.channel = channel;
  }

  /** Calls `listener` whenever a log advanced, until the returned function is called. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A log reaches up to `end` now. */
  advance(lane: number, end: number): void {
    if (end <= (this.ends[lane] as number)) return;
    this.ends[lane] = end;
    this.wake();
  }

  /** Calls every listener. */
  wake(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** The feeds of all channels that somebody in this process reads. */
export class ChannelFeeds {
  readonly #logs: LogFinder;
  readonly #feeds = new Map<string, ChannelFeed>();

  constructor(logs: LogFinder) {
    this.#logs = logs;
  }

  /** The channel's feed, with the ends as they are in the journal now. */
  of(channel: string): ChannelFeed {
    let feed = this.#feeds.get(channel);
    if (feed === undefined) {
      feed = new ChannelFeed(this.#logs.channelId(channel));
      this.#feeds.set(channel, feed);
    }
    for (const [lane, priority] of priorities.entries()) {
      const log = this.#logs.log(channel, priority);
      if (log !== undefined) feed.advance(lane, log.end);
    }
    return feed;
  }

  /** Channels were removed: whoever follows one of them is told. */
  endRemoved(): void {
    for (const [name, feed] of this.#feeds) {
      if (this.#logs.channelId(name) === feed.channel) continue;
      this.#feeds.delete(name);
      feed.isRemoved = true;
      feed.wake();
    }
  }

  /** Where a channel's log ends now. */
  endOf(channel: string, priority: Priority = "normal"): number {
    return this.of(channel).ends[priorities.indexOf(priority)] as number;
  }

  /** What an "advanced" notice says. */
  advanced(logs: readonly (readonly [string, Priority, number])[]): void {
    for (const [channel, priority, end] of logs) {
      this.#feeds.get(channel)?.advance(priorities.indexOf(priority), end);
    }
  }

  /** Calls every listener of every channel, to notice an end or a failure. */
  wakeAll(): void {
    for (const feed of this.#feeds.values()) feed.wake();
  }
}
