// What the journal says about itself: reasons by cause, and a notice whenever the picture changed.
// Always true: "ok" has no reasons; a cause is reported once until it is cleared.
import type { EngineNotice } from "./engine.ts";
import type { SpaceShortage } from "./space-shortage.ts";

/** The causes of a state that is not "ok". */
export type HealthCause = "wal" | "busy" | "io" | "damage" | "tail" | "doubt" | "groups" | "space";

/** See the head of this file. */
export class Health {
  readonly #notify: (notice: EngineNotice) => void;
  readonly #reasons = new Map<HealthCause, string>();

  #space: SpaceShortage | undefined;

  constructor(notify: (notice: EngineNotice) => void) {
    this.#notify = notify;
  }

  /** Whether publishers have to wait. */
  get appendsStopped(): boolean {
    return this.#reasons.has("wal") || this.#reasons.has("space");
  }

  /** Whether publishers wait for the write-ahead log. */
  get isLogTooLong(): boolean {
    return this.#reasons.has("wal");
  }

  /** Whether publishers wait for space on the disk. */
  get isShortOfSpace(): boolean {
    return this.#space !== undefined;
  }

  /** The disk is short of space; told again when it is full, or that much more or less is free. */
  reportSpace(shortage: SpaceShortage, bytesToTell: number): void {
    const told = this.#space;
    const difference = Math.abs((told?.freeBytes ?? 0) - shortage.freeBytes);
    if (told?.isFull === shortage.isFull && difference < bytesToTell) return;
    this.#space = shortage;
    this.#reasons.set("space", shortage.reason);
    this.#tell();
  }

  /** There is space again. */
  clearSpace(): void {
    this.#space = undefined;
    this.clear("space");
  }

  /** Something is wrong; `reason` is one line for people. */
  report(cause: HealthCause, reason: string): void {
    if (this.#reasons.has(cause)) return;
    this.#reasons.set(cause, reason);
    this.#tell();
  }

  /** What could not be known when the journal was opened; for as long as it is open. */
  doubt(reasons: readonly string[]): void {
    if (reasons.length > 0) this.report("doubt", reasons.join("; "));
  }

  /** More is known of a cause that was reported. */
  amend(cause: HealthCause, reason: string): void {
    const known = this.#reasons.get(cause);
    if (known === undefined || known === reason) return;
    this.#reasons.set(cause, reason);
    this.#tell();
  }

  /** That cause is gone. */
  clear(cause: HealthCause): void {
    if (this.#reasons.delete(cause)) this.#tell();
  }

  #tell(): void {
    const failed = this.#reasons.has("io");
    const degraded = this.#reasons.size > 0;
    this.#notify({
      kind: "health",
      status: failed ? "failed" : degraded ? "degraded" : "ok",
      reasons: [...this.#reasons.values()],
      appendsStopped: this.appendsStopped,
      ...(this.#space === undefined ? {} : { space: this.#space }),
    });
  }
}
