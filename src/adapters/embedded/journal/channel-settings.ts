// What the column `retention` of a channel's row holds: how much is kept, and how much may wait, as
// JSON. Always true: equal settings have equal texts, and a channel without limits has the text
// that it had before there were any.
import { hasLimits } from "../../../ports/channel-limits.ts";
import type { ChannelDeclaration, Limits, Retention } from "../../../ports/transport.ts";

/** The settings of a channel that may change. */
export interface ChannelSettings {
  readonly retention: Retention;
  readonly limits: Limits | undefined;
}

/** The text of these settings. */
export function settingsText({
  retention,
  limits,
}: Pick<ChannelDeclaration, "retention"> & { readonly limits?: Limits | undefined }): string {
  const { days, bytes, unread, groupDays } = retention;
  const kept = { days, bytes, unread, groupDays };
  if (!hasLimits(limits)) return JSON.stringify(kept);
  const { depthMax, bytesMax, isShedding } = limits;
  return JSON.stringify({ ...kept, limits: { depthMax, bytesMax, isShedding } });
}

/** The settings in such a text. */
export function settingsOf(text: string): ChannelSettings {
  const { limits, ...retention } = JSON.parse(text) as Retention & { readonly limits?: Limits };
  return { retention, limits };
}
