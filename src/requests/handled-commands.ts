// Whether anybody handles a command, found out from the groups of its channel. Knows nothing of
// requests. Always true: "no" is never taken from memory; "yes" is for a second, because groups
// that handle come and go with deployments, not with messages.
import type { AnyCommand } from "../contracts/command.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Transport } from "../ports/transport.ts";
import { isHandlerGroup } from "./reply-contracts.ts";

/** How long it is taken for granted that somebody handles a command. */
export const handledForMs = 1_000;

interface Known {
  untilMs: number;
  asking: Promise<boolean> | undefined;
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

  /** Whether it is known, without asking, that somebody handles it. */
  isKnown(command: AnyCommand): boolean {
    const known = this.#known.get(command);
    return known !== undefined && known.untilMs > this.#clock.monotonicMs();
  }

  /** Whether any group handles it; requests of the same moment ask once. */
  isHandled(command: AnyCommand, channel: string): Promise<boolean> {
    let known = this.#known.get(command);
    if (known === undefined) this.#known.set(command, (known = { untilMs: 0, asking: undefined }));
    known.asking ??= this.#ask(known, command, channel);
    return known.asking;
  }

  async #ask(known: Known, command: AnyCommand, channel: string): Promise<boolean> {
    try {
      const groups = await this.#transport.groups(channel);
      const isHandled = groups.some((group) => isHandlerGroup(group, command.type));
      if (isHandled) known.untilMs = this.#clock.monotonicMs() + handledForMs;
      return isHandled;
    } finally {
      known.asking = undefined;
    }
  }
}
