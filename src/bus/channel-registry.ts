// Which channel a contract belongs to, decided once per bus: the channel that lists it, if one was
// registered (createBus({ channels }), or the first use of the channel object), else a channel of
// the contract's own name. Also sees to it that a channel is declared on the transport before its
// first use. Always true: one contract has one channel, one name has one content.
import type { Channel } from "../contracts/channel.ts";
import { partitionsDefault } from "../contracts/channel.ts";
import type { AnyContract } from "../contracts/contract.ts";
import {
  assertName,
  deadLetterChannelOf,
  invalidChannelOf,
  isCompanionChannel,
} from "../contracts/names.ts";
import type { Route } from "../delivery/outgoing-encoder.ts";
import { SpillwayError } from "../errors/spillway-error.ts";
import { hasLimits } from "../ports/channel-limits.ts";
import type { ChannelDeclaration, Transport } from "../ports/transport.ts";
import { ChannelCounters } from "../telemetry/counters.ts";
import { assertChannelSupported } from "./capability-checks.ts";

/** Any channel, whatever its messages. */
export type AnyChannel = Channel;

/** Days that dead letters and invalid messages are kept at least. */
export const companionRetentionDays = 365;

/** One channel as this bus knows it. */
export class ChannelEntry {
  readonly name: string;
  /** Undefined: a contract's own channel, which nobody defined. */
  readonly defined: AnyChannel | undefined;
  readonly contracts: AnyContract[];
  readonly route: Route;
  readonly counters = new ChannelCounters();
  /** Whether the transport has it, so that declare() need not be awaited. */
  isDeclared = false;
  readonly #transport: Transport;
  readonly #given: ChannelDeclaration | undefined;
  #declaring: Promise<void> | undefined;
  #companions: Promise<void> | undefined;

  constructor(
    name: string,
    defined: AnyChannel | undefined,
    transport: Transport,
    declaration?: ChannelDeclaration,
  ) {
    this.#given = declaration;
    this.name = name;
    this.defined = defined;
    this.contracts = defined === undefined ? [] : [...defined.messages];
    this.route = { channel: name, priorityOf: defined?.priorityOf };
    this.#transport = transport;
  }

  /** Declares it on the transport, once; after a failure the next call tries again. */
  declare(): Promise<void> {
    this.#declaring ??= this.#transport.declare(this.#declaration()).then(
      () => {
        this.isDeclared = true;
      },
      (error: unknown) => {
        this.#declaring = undefined;
        throw error;
      },
    );
    return this.#declaring;
  }

  /** Declares the channels beside it that take dead letters and invalid messages. */
  declareCompanions(): Promise<void> {
    // What was set aside must never be refused: they have no limits.
    const { partitions, compression } = this.#declaration();
    const retention = { days: companionRetentionDays };
    const declarations = [deadLetterChannelOf(this.name), invalidChannelOf(this.name)].map(
      (name): ChannelDeclaration => ({ name, partitions, compression, retention }),
    );
    this.#companions ??= Promise.all(
      declarations.map((declaration) => this.#transport.declare(declaration)),
    ).then(
      () => undefined,
      (error: unknown) => {
        this.#companions = undefined;
        throw error;
      },
    );
    return this.#companions;
  }

  /** Whether publishes to it wait where it is full. */
  get waits(): boolean {
    return hasLimits(this.defined?.limits) && this.defined.overflow === "wait";
  }

  #declaration(): ChannelDeclaration {
    if (this.#given !== undefined) return this.#given;
    const { limits, overflow } = this.defined ?? {};
    return {
      name: this.name,
      partitions: this.defined?.partitions ?? partitionsDefault,
      retention: this.defined?.retention ?? {},
      compression: this.defined?.compression ?? "none",
      ...(hasLimits(limits) ? { limits: { ...limits, isShedding: overflow === "shed" } } : {}),
    };
  }
}

/** The channels and contracts of one bus. */
export class ChannelRegistry {
  readonly #transport: Transport;
  readonly #channels = new Map<string, ChannelEntry>();
  /** Counters of channels that have no entry: companions, and channels of other services. */
  readonly #counters = new Map<string, ChannelCounters>();
  readonly #byContract = new Map<AnyContract, ChannelEntry>();
  /** "type version" → the contract, so that two definitions of one are noticed. */
  readonly #identities = new Map<string, AnyContract>();

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Every channel this bus has used, in order of first use. */
  get entries(): IterableIterator<ChannelEntry> {
    return this.#channels.values();
  }

  /** Whether publishes to a channel wait where it is full. */
  waitsFor(name: string): boolean {
    return this.#channels.get(name)?.waits ?? false;
  }

  /** What this bus published to a channel. */
  countersOf(name: string): ChannelCounters {
    const entry = this.#channels.get(name);
    if (entry !== undefined) return entry.counters;
    let counters = this.#counters.get(name);
    if (counters === undefined) this.#counters.set(name, (counters = new ChannelCounters()));
    return counters;
  }

  /** The channel of a contract: the registered one that lists it, else one of its own name. */
  channelOf(contract: AnyContract): ChannelEntry {
    return this.#byContract.get(contract) ?? this.#ownChannel(contract);
  }

  /**
   * The channel of that name that takes replies: one that is known, else a new one, declared as
   * given or like a contract's own. Throws INVALID_NAME.
   */
  replyChannel(name: string, declaration?: ChannelDeclaration): ChannelEntry {
    const known = this.#channels.get(name);
    if (known !== undefined) return known;
    assertName("reply channel", name);
    const entry = new ChannelEntry(name, undefined, this.#transport, declaration);
    this.#channels.set(name, entry);
    return entry;
  }

  /**
   * Registers a channel: from now on its contracts are stored there. Does nothing for a channel
   * that is known with the same content. Throws CHANNEL_CONFLICT, CONTRACT_CONFLICT or UNSUPPORTED.
   */
  register(channel: AnyChannel): ChannelEntry {
    const known = this.#channels.get(channel.name);
    if (known?.defined === channel) return known;
    if (known !== undefined) return this.#assertSame(known, channel);
    for (const contract of channel.messages) this.#assertFree(contract, channel.name);
    assertChannelSupported(this.#transport, channel);
    const entry = new ChannelEntry(channel.name, channel, this.#transport);
    this.#channels.set(channel.name, entry);
    for (const contract of channel.messages) this.#assign(contract, entry);
    return entry;
  }

  #ownChannel(contract: AnyContract): ChannelEntry {
    const name = contract.type;
    this.#assertFree(contract, name);
    const known = this.#channels.get(name);
    if (known?.defined !== undefined) {
      throw new SpillwayError(
        "CONTRACT_CONFLICT",
        `${identityOf(contract)} is not listed in the channel of the same name: list it in ` +
          `defineChannel('${name}', { messages }), or rename the channel`,
        { details: { channel: name, contract: identityOf(contract) } },
      );
    }
    if (isCompanionChannel(name)) {
      throw new SpillwayError(
        "INVALID_NAME",
        `'${name}' cannot have a channel of its own name, which is reserved for the companion of ` +
          "another channel: list it in a channel, or rename it",
      );
    }
    this.#assertNoVersionElsewhere(contract);
    const entry = known ?? new ChannelEntry(name, undefined, this.#transport);
    this.#channels.set(name, entry);
    entry.contracts.push(contract);
    this.#assign(contract, entry);
    return entry;
  }

  /** Throws where another version has a channel: nobody would look for this one anywhere else. */
  #assertNoVersionElsewhere(contract: AnyContract): void {
    for (const [other, { name }] of this.#byContract) {
      if (other.type !== contract.type || name === contract.type) continue;
      throw new SpillwayError(
        "CONTRACT_CONFLICT",
        `${identityOf(contract)} is not listed in channel '${name}', which holds version ` +
          `${other.version}: list it there too`,
        { details: { channel: name, contract: identityOf(contract) } },
      );
    }
  }

  #assign(contract: AnyContract, entry: ChannelEntry): void {
    this.#byContract.set(contract, entry);
    this.#identities.set(identityOf(contract), contract);
  }

  /** Throws unless this contract, and none like it, is without a channel so far. */
  #assertFree(contract: AnyContract, channel: string): void {
    const identity = identityOf(contract);
    const twin = this.#identities.get(identity);
    if (twin === undefined) return;
    const where = this.#byContract.get(twin) as ChannelEntry;
    const details = { contract: identity, channel, other: where.name };
    if (twin !== contract) {
      throw new SpillwayError(
        "CONTRACT_CONFLICT",
        `two different contracts are ${identity} (one is in channel '${where.name}'): define it ` +
          "once and share the object",
        { details },
      );
    }
    throw new SpillwayError(
      "CONTRACT_CONFLICT",
      where.defined === undefined
        ? `${identity} was used before its channel '${channel}' was registered, and has a ` +
            "channel of its own name since: list the channel in createBus({ channels })"
        : `${identity} is listed in two channels, '${where.name}' and '${channel}': list it in one`,
      { details },
    );
  }

  #assertSame(known: ChannelEntry, channel: AnyChannel): ChannelEntry {
    if (known.defined !== undefined && hasSameContent(known.defined, channel)) return known;
    throw new SpillwayError(
      "CHANNEL_CONFLICT",
      known.defined === undefined
        ? `'${channel.name}' is a contract's own channel since it was used, and now a channel is ` +
            "defined with that name: give the channel to createBus({ channels }), or rename it"
        : `two channels with different content are named '${channel.name}': define it once and ` +
            "share the object",
      { details: { channel: channel.name } },
    );
  }
}

function identityOf(contract: AnyContract): string {
  return `${contract.type} version ${contract.version}`;
}

function hasSameContent(left: AnyChannel, right: AnyChannel): boolean {
  const listed = new Set(left.messages);
  return (
    left.messages.length === right.messages.length &&
    right.messages.every((contract) => listed.has(contract)) &&
    left.priorityOf === right.priorityOf &&
    optionsOf(left) === optionsOf(right)
  );
}

function optionsOf(channel: AnyChannel): string {
  const { partitions, retention, limits, overflow, compression } = channel;
  const { days, bytes, unread, groupDays } = retention;
  const { depthMax, bytesMax } = limits;
  return JSON.stringify([
    [partitions, overflow, compression],
    [days, bytes, unread, groupDays, depthMax, bytesMax],
  ]);
}
