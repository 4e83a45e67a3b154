// Every call of a handler since a scenario began. Owns the notes and their words. Always true: at
// most `scenarioCallsMax` are kept; the calls beyond fail, so that messages which cause each other
// for ever come to an end.
import type { BusInside, WatchedCall } from "../../bus/bus-inside.ts";
import type { AnyContract, AnyMessage } from "../../contracts/contract.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";

/** Most calls that one scenario keeps. */
export const scenarioCallsMax = 10_000;

/** One call of a handler, as a scenario saw it. */
export interface SeenCall {
  readonly group: string;
  /** What the handler was given. */
  readonly message: AnyMessage;
  /** 1 for the first. */
  readonly attempt: number;
  /** It has ended without an error. */
  readonly isDone: boolean;
  /** Why it failed; undefined where it did not, or is under way. */
  readonly error: unknown;
}

interface Note extends WatchedCall {
  isUnderWay: boolean;
  isDone: boolean;
  error: unknown;
}

/** Watches the handlers of a bus. */
export class CallNotes {
  readonly #notes: Note[] = [];
  readonly #byId = new Map<string, Note[]>();
  readonly stop: () => void;
  underWay = 0;

  constructor(inside: BusInside) {
    this.stop = inside.watch((call) => {
      const note: Note = { ...call, isUnderWay: true, isDone: false, error: undefined };
      this.#keep(note);
      this.underWay++;
      return (ended) => {
        this.underWay--;
        note.isUnderWay = false;
        note.isDone = !("error" in ended);
        note.error = ended.error;
      };
    });
  }

  /** Calls with messages of a contract's type. */
  of(contract: AnyContract, group?: string): readonly SeenCall[] {
    return this.#notes.filter(
      (note) =>
        note.message.type === contract.type && (group === undefined || note.group === group),
    );
  }

  /** One line for each call with that message. */
  linesOf(id: string): readonly string[] {
    return (this.#byId.get(id) ?? []).map((note) => {
      const { group, attempt, isDone, isUnderWay, error } = note;
      const which = attempt === 1 ? "" : `, attempt ${attempt}`;
      if (isUnderWay) return `being handled by ${group}${which}`;
      return isDone ? `handled by ${group}${which}` : `failed in ${group}${which}: ${text(error)}`;
    });
  }

  /** Throws where there were more calls than it keeps. */
  assertBounded(): void {
    if (this.#notes.length < scenarioCallsMax) return;
    throw new SpillwayError(
      "INVALID_ARGUMENT",
      `scenario: more than ${scenarioCallsMax} calls of handlers: do messages cause each other ` +
        "for ever?",
    );
  }

  #keep(note: Note): void {
    this.assertBounded();
    this.#notes.push(note);
    const { id } = note.message;
    const others = this.#byId.get(id);
    if (others === undefined) this.#byId.set(id, [note]);
    else others.push(note);
  }
}

function text(error: unknown): string {
  const whole = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return whole.split("\n")[0] ?? whole;
}
