// Who handles a command, found out from the groups of its channel. Knows nothing of requests.
// Always true: "nobody" is never taken from memory; a list is for a second, because groups that
// handle come and go with deployments, not with messages.
import type { AnyCommand } from "../contracts/command.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Transport } from "../ports/transport.ts";
import { isHandlerGroup } from "./reply-contracts.ts";

/** How long it is taken for granted who handles a command. */
export const handledForMs = 1_000;

interface Known {
  groups: readonly string[];
  untilMs: number;
  asking: Promise<readonly string[]> | undefined;
}

/** What one bus knows of handlers. */
export class HandledCommands {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #known = new WeakMap<AnyCommand, Known>();

  constructor(transport: Transport, clock: Clock) {
    this.#transport = transport;
    this.#clock = clock;
  }

  /** The groups that handle it, where that is known without asking. */
  known(command: AnyCommand): readonly string[] | undefined {
    const known = this.#known.get(command);
    if (known === undefined || known.untilMs <= this.#clock.monotonicMs()) return undefined;
    return known.groups;
  }

  /** The groups that handle it now; requests of the same moment ask once. */
  ask(command: AnyCommand, channel: string): Promise<readonly string[]> {
    let known = this.#known.get(command);
    if (known === undefined) {
      known = { groups: [], untilMs: 0, asking: undefined };
      this.#known.set(command, known);
    }
    known.asking ??= this.#ask(known, command, channel);
    return known.asking;
  }

  async #ask(known: Known, command: AnyCommand, channel: string): Promise<readonly string[]> {
    try {
      const all = await this.#transport.groups(channel);
      known.groups = all.filter((group) => isHandlerGroup(group, command.type));
      const isHandled = known.groups.length > 0;
      known.untilMs = isHandled ? this.#clock.monotonicMs() + handledForMs : 0;
      return known.groups;
    } finally {
      known.asking = undefined;
    }
  }
}
