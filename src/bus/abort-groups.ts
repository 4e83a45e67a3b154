// Abort signals of pending work: one listener per signal, however many members wait under it, so
// that ten thousand publishes with one signal stay cheap. Always true: a signal without members has
// no listener.

/** Members by signal; calls back once when a signal fires, with all its members. */
export class AbortGroups<Member> {
  readonly #groups = new Map<
    AbortSignal,
    { readonly members: Set<Member>; readonly stop: () => void }
  >();
  readonly #onAbort: (members: ReadonlySet<Member>, reason: unknown) => void;

  constructor(onAbort: (members: ReadonlySet<Member>, reason: unknown) => void) {
    this.#onAbort = onAbort;
  }

  /** Signals that have members. */
  get size(): number {
    return this.#groups.size;
  }

  /** Adds a member that waits under a signal which has not fired. */
  add(signal: AbortSignal, member: Member): void {
    let group = this.#groups.get(signal);
    if (group === undefined) {
      const members = new Set<Member>();
      const listener = (): void => {
        this.#groups.delete(signal);
        this.#onAbort(members, signal.reason);
      };
      signal.addEventListener("abort", listener, { once: true });
      group = { members, stop: () => signal.removeEventListener("abort", listener) };
      this.#groups.set(signal, group);
    }
    group.members.add(member);
  }

  /** Forgets a member; does nothing when its signal fired before. */
  remove(signal: AbortSignal, member: Member): void {
    const group = this.#groups.get(signal);
    if (group === undefined) return;
    group.members.delete(member);
    if (group.members.size > 0) return;
    group.stop();
    this.#groups.delete(signal);
  }
}
