// Joining a group: checks, declarations, the consumer, the delivery, and leaving again. What
// bus.subscribe() and bus.messages() have in common. Always true: a member that was not handed out
// leaves nothing behind, neither a consumer nor a place in the group.
import type { AsyncLocalStorage } from "node:async_hooks";
import { Delivery } from "../delivery/delivery.ts";
import type { HandlerScope } from "../delivery/delivery-options.ts";
import type { ConsumeMiddleware, Handler } from "../delivery/handler-context.ts";
import type { OutgoingEncoder } from "../delivery/outgoing-encoder.ts";
import { ClosedError, SpillwayError } from "../errors/spillway-error.ts";
import type { Consumer } from "../ports/transport.ts";
import type { ChannelCounters, GroupCounters } from "../telemetry/counters.ts";
import type { BusSettings } from "./bus-options.ts";
import type { GroupRegistry } from "./group-registry.ts";
import { type CommitObserver, ObservedConsumer } from "./observed-consumer.ts";
import type { Selection } from "./selection.ts";
import { GroupMember } from "./lasting-member.ts";
import type { SubscribeSettings } from "./subscribe-options.ts";

/** What every member of a bus is lent. */
export interface MemberEnvironment {
  readonly settings: BusSettings;
  readonly groups: GroupRegistry;
  readonly encoder: OutgoingEncoder;
  readonly countersOf: (channel: string) => ChannelCounters;
  readonly insideHandler: AsyncLocalStorage<HandlerScope>;
  readonly middleware: readonly ConsumeMiddleware[];
  /** Everybody who has joined and not left. */
  readonly members: Set<GroupMember>;
  /** Whether the bus takes no new members any more. */
  isClosing(): boolean;
}

/** Joins the group and starts the delivery. */
export async function joinGroup(
  environment: MemberEnvironment,
  selection: Selection,
  settings: SubscribeSettings,
  handler: Handler,
  options: { readonly signal?: AbortSignal | undefined; readonly observer?: CommitObserver } = {},
): Promise<GroupMember> {
  const { channel, group, types } = settings;
  const assertWanted = (): void => {
    if (environment.isClosing()) {
      throw new ClosedError(`group '${group}' cannot join '${channel}': the bus is closed`);
    }
    if (options.signal?.aborted === true) {
      const message = `joining '${channel}' as group '${group}' was aborted`;
      const cause: unknown = options.signal.reason;
      throw new SpillwayError("ABORTED", message, { certainty: "definite", cause });
    }
  };
  assertWanted();
  const counters = environment.groups.join(channel, group, types);
  const leave = (): void => environment.groups.leave(channel, group);
  try {
    await selection.entry.declare();
    await selection.entry.declareCompanions();
    const { transport, clock, random } = environment.settings;
    const join = async (): Promise<Delivery> => {
      const { from } = settings;
      const consumer = await transport.consume({ channel, group, from, types });
      try {
        assertWanted();
        return start(environment, settings, handler, counters, observed(consumer, options));
      } catch (error) {
        await consumer.close();
        throw error;
      }
    };
    const member = new GroupMember({
      name: `group '${group}' on '${channel}'`,
      delivery: await join(),
      join,
      clock,
      random,
      timeoutMs: settings.timeoutMs,
      onInterrupted: () => options.observer?.restarted(),
      onLeft: () => {
        environment.members.delete(member);
        leave();
      },
    });
    environment.members.add(member);
    return member;
  } catch (error) {
    leave();
    throw error;
  }
}

function observed(consumer: Consumer, options: { readonly observer?: CommitObserver }): Consumer {
  return options.observer === undefined
    ? consumer
    : new ObservedConsumer(consumer, options.observer);
}

function start(
  environment: MemberEnvironment,
  settings: SubscribeSettings,
  handler: Handler,
  counters: GroupCounters,
  consumer: Consumer,
): Delivery {
  const { clock, random, codec, transport } = environment.settings;
  const { encoder, countersOf, insideHandler, middleware } = environment;
  const { state, dedupeWindowMs } = transport;
  const lent = { clock, random, consumer, state, encoder, codec, dedupeWindowMs };
  const delivery = new Delivery(
    { ...lent, counters, countersOf, insideHandler },
    { ...settings, middleware },
    handler,
  );
  delivery.start();
  return delivery;
}
