// One request that goes to every group that handles its command, and gathers their answers. Knows
// nothing of sending. Always true: each group has at most one part; it ends once: when everybody
// has answered, when enough have, or at the deadline.
import { AskedRequest, type RequestOwner, type RequestTerms } from "./asked-request.ts";
import type { AnyCommand } from "../contracts/command.ts";
import type { AnyAnswer } from "./outcome.ts";
import type { AnswerOrigin } from "./pending-requests.ts";
import { serviceOf } from "./reply-contracts.ts";
import type { AnyPart, AnyScattered, ScatterEnd } from "./scatter-outcome.ts";

/** When enough have answered. */
export interface Quorum {
  /** How many answers end the request. */
  readonly count: number;
  /** Whether an answer counts. */
  counts(answer: AnyAnswer): boolean;
}

/** See the head of this file. */
export class ScatterRequest extends AskedRequest<AnyScattered> {
  readonly #quorum: Quorum | undefined;
  readonly #missing = new Set<string>();
  readonly #answered = new Set<string>();
  readonly #parts: AnyPart[] = [];
  #counted = 0;

  constructor(
    owner: RequestOwner,
    command: AnyCommand,
    terms: RequestTerms,
    quorum: Quorum | undefined,
  ) {
    super(owner, command, terms);
    this.#quorum = quorum;
  }

  handledBy(groups: readonly string[]): void {
    for (const group of groups) if (!this.#answered.has(group)) this.#missing.add(group);
    if (groups.length === 0) this.#end("unhandled");
  }

  answered(answer: AnyAnswer, { group = "" }: AnswerOrigin): boolean {
    if (this.isOver || this.#answered.has(group)) return false;
    this.#answered.add(group);
    this.#missing.delete(group);
    this.#parts.push({ handler: serviceOf(group, this.command.type), outcome: answer });
    const quorum = this.#quorum;
    if (quorum?.counts(answer) === true) this.#counted++;
    if (this.#missing.size === 0) this.#end("all");
    else if (quorum !== undefined && this.#counted >= quorum.count) this.#end("quorum");
    return true;
  }

  timedOut(): void {
    this.#end("deadline");
  }

  #end(type: ScatterEnd): void {
    if (!this.close(this.#answered)) return;
    const { type: command } = this.command;
    const missing = [...this.#missing].map((group) => serviceOf(group, command));
    this.owner.counters.countScatter(type, this.#parts.length);
    this.settle({ type, parts: this.#parts, missing });
  }
}
