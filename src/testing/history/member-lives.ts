// When the members of a group began their lives, against when something was settled. Knows no
// message. Always true: a member of which nothing was told was there from the beginning.

/** See the head of this file; memory is a number for each member. */
export class MemberLives {
  #steps = 0;
  readonly #begun = new Map<string, number>();
  #allBegun = 0;

  /** A member begins anew, or, without a name, all of them. */
  begin(member: string | undefined): void {
    if (member === undefined) this.#allBegun = ++this.#steps;
    else this.#begun.set(member, ++this.#steps);
  }

  /** Now, to be asked for later. */
  step(): number {
    return ++this.#steps;
  }

  /** Whether a member has begun after that. */
  hasBegunSince(member: string, step: number): boolean {
    return Math.max(this.#begun.get(member) ?? 0, this.#allBegun) > step;
  }
}
