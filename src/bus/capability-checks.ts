// Whether the transport can give what is asked for. A guarantee it cannot give is refused with the
// list of what it has, and never weakened in silence.
import type { Channel } from "../contracts/channel.ts";
import type { MessageOptions } from "../contracts/contract.ts";
import { UnsupportedError } from "../errors/spillway-error.ts";
import type { Capability } from "../ports/capabilities.ts";
import type { StartPosition, Transport } from "../ports/transport.ts";

/** Throws UnsupportedError unless the transport has the capability; `what` asked for it. */
export function assertSupported(transport: Transport, capability: Capability, what: string): void {
  const { capabilities, name } = transport;
  if (capabilities[capability] !== "no") return;
  const available = (Object.keys(capabilities) as Capability[]).filter(
    (each) => capabilities[each] !== "no",
  );
  throw new UnsupportedError(
    `${what} needs '${capability}', which the transport '${name}' does not have; it has: ` +
      available.join(", "),
    { details: { transport: name, capability, available } },
  );
}

/** Checks what the definition of a channel asks for. */
export function assertChannelSupported(transport: Transport, channel: Channel): void {
  const of = `of channel '${channel.name}'`;
  if (channel.limits.depthMax !== undefined || channel.limits.bytesMax !== undefined) {
    assertSupported(transport, "channelLimits", `limits ${of}`);
  }
  const { days, bytes, unread } = channel.retention;
  if (days !== undefined || bytes !== undefined || unread !== undefined) {
    assertSupported(transport, "retention", `retention ${of}`);
  }
  if (channel.compression !== "none") {
    assertSupported(transport, "compression", `compression ${of}`);
  }
  if (channel.priorityOf !== undefined) {
    assertSupported(transport, "priority", `priorityOf ${of}`);
  }
}

/** Checks what the options of one message ask for. */
export function assertMessageSupported(
  transport: Transport,
  type: string,
  options: MessageOptions,
): void {
  if (options.delayMs !== undefined && options.delayMs > 0) {
    assertSupported(transport, "delayedDelivery", `delayMs of '${type}'`);
  }
  if (options.deliverAtMs !== undefined) {
    assertSupported(transport, "delayedDelivery", `deliverAtMs of '${type}'`);
  }
  if (options.priority !== undefined && options.priority !== "normal") {
    assertSupported(transport, "priority", `priority of '${type}'`);
  }
}

/** Checks whether a group or reader can start there. */
export function assertStartSupported(transport: Transport, from: StartPosition): void {
  if (typeof from === "string") return;
  if ("offset" in from) assertSupported(transport, "replayFromOffset", "from: { offset }");
  else assertSupported(transport, "replayFromTime", "from: { timeMs }");
}
