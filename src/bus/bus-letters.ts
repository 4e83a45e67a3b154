// The dead letters and invalid messages of a bus: which channel and types a selection means, and
// the redrives that this bus works on. Wiring only. Always true: a redrive does not outlive its
// bus; it is paused, and anybody can resume it.
import { toValidationIssues, validate } from "../contracts/validation.ts";
import { ValidationError } from "../errors/spillway-error.ts";
import type { DeadLetter, LetterKind } from "../recovery/dead-letters/letter.ts";
import { LetterBox } from "../recovery/dead-letters/letter-box.ts";
import {
  type DeadLetterOptions,
  type DeadLetters,
  LetterDesk,
} from "../recovery/redrive/letter-desk.ts";
import type { Redrive } from "../recovery/redrive/running-redrive.ts";
import type { BusSettings } from "./bus-options.ts";
import { assertStartSupported } from "./capability-checks.ts";
import type { ChannelRegistry } from "./channel-registry.ts";
import { type Selectable, type Selection, selectionOf } from "./selection.ts";

/** See the head of this file. */
export class BusLetters {
  readonly #settings: BusSettings;
  readonly #registry: ChannelRegistry;
  readonly #redrives = new Set<Redrive>();

  constructor(settings: BusSettings, registry: ChannelRegistry) {
    this.#settings = settings;
    this.#registry = registry;
  }

  /** The letters of a selection. */
  of(selectable: Selectable, kind: LetterKind, options: DeadLetterOptions = {}): DeadLetters {
    const { transport, clock, random } = this.#settings;
    if (options.from !== undefined) assertStartSupported(transport, options.from);
    const selection = selectionOf(this.#registry, selectable);
    const { entry, types } = selection;
    const box = new LetterBox(transport, entry.name, kind);
    return new LetterDesk(
      {
        box,
        clock,
        random,
        types,
        ready: async () => {
          await entry.declare();
          await entry.declareCompanions();
        },
        assertData: (letter, data) => assertData(selection, letter, data),
        onBegun: (redrive) => this.#keep(redrive),
      },
      options,
    );
  }

  #keep(redrive: Redrive): void {
    this.#redrives.add(redrive);
    const forget = (): boolean => this.#redrives.delete(redrive);
    redrive.finished.then(forget, forget);
  }

  /** Pauses what is under way. */
  async close(): Promise<void> {
    await Promise.allSettled(Array.from(this.#redrives, (redrive) => redrive.pause()));
  }
}

/** Throws VALIDATION_FAILED where edited data does not fit the contract of its letter. */
async function assertData(
  { contracts }: Selection,
  { envelope: { type, version } }: DeadLetter,
  data: unknown,
): Promise<void> {
  const contract = contracts.find((each) => each.type === type && each.version === version);
  if (contract === undefined) return;
  const result = await validate(contract.schema, data);
  if (result.issues === undefined) return;
  const subject = `edited data of '${type}' version ${version}`;
  throw new ValidationError(subject, toValidationIssues(result.issues), {
    details: { type, version },
  });
}
