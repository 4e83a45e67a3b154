// A reply channel that belongs to one bus: a member of a group on it is the sign that its owner
// lives; it goes when the owner closes, or some time after the owner died, by whoever opens the
// next one. Knows nothing of requests. Always true: a channel whose owner lives, or lived lately,
// is not removed; a removal that fails is left to others.
import type { CancelTimer, Clock } from "../kernel/clock.ts";
import type { ChannelStats, Consumer, Transport } from "../ports/transport.ts";
import { keptMs, temporaryPrefix } from "./reply-address.ts";

/** The group whose member is the owner. */
const ownerGroup = "owner";
/** How often the owner joins anew: a transport that lost its disk meanwhile forgot the member. */
const renewMs = keptMs / 4;
/** Most channels that one look removes. */
export const orphansAtOnce = 64;

/** The ownership of one temporary channel. */
export class TemporaryChannel {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #name: string;
  #owner: Consumer;
  #renewing: Promise<void> | undefined;
  #cancelRenewal: CancelTimer = () => undefined;

  private constructor(transport: Transport, clock: Clock, name: string, owner: Consumer) {
    this.#transport = transport;
    this.#clock = clock;
    this.#name = name;
    this.#owner = owner;
    this.#renewLater();
  }

  /** Owns a channel that was declared. */
  static async own(transport: Transport, clock: Clock, name: string): Promise<TemporaryChannel> {
    return new TemporaryChannel(transport, clock, name, await join(transport, name));
  }

  #renewLater(): void {
    const renew = (): void => {
      this.#renewing = this.#renew().catch(() => undefined);
    };
    this.#cancelRenewal = this.#clock.after(renewMs, renew, { background: true });
  }

  async #renew(): Promise<void> {
    this.#renewLater();
    const before = this.#owner;
    this.#owner = await join(this.#transport, this.#name);
    await before.close();
  }

  /** Removes the channel. */
  async close(): Promise<void> {
    this.#cancelRenewal();
    await this.#renewing;
    this.#cancelRenewal();
    try {
      await this.#owner.close();
      await this.#transport.remove(this.#name);
    } catch {
      // It has no owner now: others remove it in time.
    }
  }
}

function join(transport: Transport, channel: string): Promise<Consumer> {
  return transport.consume({ channel, group: ownerGroup, from: "latest", types: [] });
}

/** Removes temporary channels whose owner died a while ago; returns how many. */
export async function removeOrphans(transport: Transport, clock: Clock): Promise<number> {
  const before = clock.wallMs() - keptMs;
  const orphans = (await transport.stats()).filter((channel) => isOrphan(channel, before));
  let removed = 0;
  for (const { channel } of orphans.slice(0, orphansAtOnce)) {
    // Its owner may have come back, or somebody else may be removing it.
    await transport.remove(channel).then(
      () => removed++,
      () => undefined,
    );
  }
  return removed;
}

function isOrphan({ channel, groups }: ChannelStats, before: number): boolean {
  if (!channel.startsWith(temporaryPrefix)) return false;
  return (
    groups.every(({ idleSinceMs = Infinity }) => idleSinceMs < before) && bornAt(channel) < before
  );
}

/** When the channel was made: its name ends with its owner's id, which begins with the time. */
function bornAt(channel: string): number {
  const id = channel.slice(temporaryPrefix.length).replaceAll("-", "");
  return Number.parseInt(id.slice(0, 12), 16);
}
