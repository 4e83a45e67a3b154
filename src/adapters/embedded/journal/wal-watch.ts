// Watches the size of the write-ahead log: near its bound publishers wait, until a checkpoint could
// cut it again, and whoever stands in the way of that checkpoint is named. Always true: health
// has the cause "wal", which stops appends, exactly while it is too long; settlements go on.
import { statSync } from "node:fs";
import type { Clock } from "../../../kernel/clock.ts";
import { walPath } from "./directory.ts";
import type { EngineOptions } from "./engine.ts";
import type { Health } from "./health.ts";
import { describeReaders, stillThere, type WalReader, walReaders } from "./wal-readers.ts";
import type { Writer } from "./writer.ts";

/** How often the write-ahead log is looked at while publishers wait for it. */
export const walRetryMs = 50;
/** Share of walBytesMax at which appends stop, so that what is under way still fits. */
const walStopShare = 0.75;
/** Share of walBytesMax below which appends go on. */
const walGoShare = 0.5;
/** A reader that holds the same lock at so many looks in a row is named. */
const looksToName = 5;

/** See the head of this file. */
export class WalWatch {
  readonly #options: EngineOptions;
  readonly #health: Health;
  readonly #writer: Writer;
  readonly #clock: Clock;
  #readers: readonly WalReader[] = [];
  #looks = 0;
  #lookedAtMs = 0;

  constructor(parts: {
    readonly options: EngineOptions;
    readonly health: Health;
    readonly writer: Writer;
    readonly clock: Clock;
  }) {
    this.#options = parts.options;
    this.#health = parts.health;
    this.#writer = parts.writer;
    this.#clock = parts.clock;
  }

  /** Compares the size with its bound; stops and restarts appends. May throw what SQLite throws. */
  look(): void {
    const { walBytesMax } = this.#options;
    if (!this.#health.isLogTooLong) {
      const bytes = this.#bytes();
      if (bytes <= walBytesMax * walStopShare) return;
      this.#looks = 0;
      this.#health.report("wal", this.#reason(bytes, "a reader in some process stays open"));
    }
    // Succeeds as soon as nobody reads old pages any more, and cuts the file.
    this.#writer.one("PRAGMA wal_checkpoint(TRUNCATE)");
    if (this.#bytes() < walBytesMax * walGoShare) this.#health.clear("wal");
    else this.#nameReaders();
  }

  /** A reader that comes and goes moves to another lock; one that stays keeps its own. */
  #nameReaders(): void {
    const nowMs = this.#clock.monotonicMs();
    if (this.#looks > 0 && nowMs - this.#lookedAtMs < walRetryMs / 2) return;
    this.#lookedAtMs = nowMs;
    const seen = walReaders(this.#options.directory);
    if (seen === undefined) return;
    this.#readers = this.#looks === 0 ? seen : stillThere(this.#readers, seen);
    this.#looks++;
    if (this.#looks < looksToName) return;
    this.#looks = 0;
    if (this.#readers.length === 0) return;
    const who = `${describeReaders(this.#readers)} keeps a read transaction open: end it`;
    this.#health.amend("wal", this.#reason(this.#bytes(), who));
  }

  #reason(bytes: number, who: string): string {
    const { walBytesMax } = this.#options;
    return (
      `the write-ahead log has ${bytes} bytes: ${who}; publishers wait, so that it stays below ` +
      `${walBytesMax}`
    );
  }

  #bytes(): number {
    return statSync(walPath(this.#options.directory), { throwIfNoEntry: false })?.size ?? 0;
  }
}
