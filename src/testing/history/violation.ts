// What the history checker finds, and the bounded list of it. Knows no rule.

/** Every kind of violation; what each means is told at checkHistory(). */
export const violationKinds = [
  "lost",
  "phantom",
  "aborted-read",
  "duplicate",
  "reorder",
  "inconsistent-offset",
  "non-monotonic",
  "tail-not-replay",
  "stuck",
] as const;

/** One of violationKinds. */
export type ViolationKind = (typeof violationKinds)[number];

/** Something that must not be. */
export interface Violation {
  readonly kind: ViolationKind;
  /** For people: what was seen, and what it contradicts. */
  readonly message: string;
  readonly log?: string | undefined;
  readonly group?: string | undefined;
  readonly id?: string | undefined;
  readonly offset?: number | undefined;
}

/** Most violations of one kind that are listed; what comes after is counted in the last one. */
export const violationsPerKindMax = 100;

/** Collects violations, at most `violationsPerKindMax` of a kind. */
export class ViolationList {
  readonly #found: Violation[] = [];
  readonly #counts = new Map<ViolationKind, number>();

  add(violation: Violation): void {
    const count = (this.#counts.get(violation.kind) ?? 0) + 1;
    this.#counts.set(violation.kind, count);
    if (count <= violationsPerKindMax) this.#found.push(violation);
  }

  /** How many of each kind were found, listed or not. */
  get counts(): ReadonlyMap<ViolationKind, number> {
    return this.#counts;
  }

  /** What was found, in the order of finding; a kind beyond its bound ends with a count. */
  list(): Violation[] {
    const list = [...this.#found];
    for (const [kind, count] of this.#counts) {
      const more = count - violationsPerKindMax;
      if (more > 0) list.push({ kind, message: `${kind}: ${more} more, not listed` });
    }
    return list;
  }
}
