// The checks that ask the journal itself: whether it opens, how it feels, what lies in its
// dead-letter channels, and whether its groups keep up. Pure but for the transport they are given.
import { companionSuffixes } from "../../contracts/names.ts";
import type { ChannelStats, GroupStats, TransportHealth } from "../../ports/transport.ts";
import { counted, formatCount, formatDuration } from "../terminal/number-format.ts";
import type { Finding } from "./finding.ts";

/** A group that is further behind than this is worth a warning. */
export const lagMsWarn = 300_000;
/** Most names that one line lists. */
const namesMax = 5;

/** How the journal feels. */
export function checkHealth(health: TransportHealth): Finding {
  const check = "health";
  if (health.status === "ok") return { check, status: "ok", message: "the journal works" };
  const status = health.status === "failed" ? "fail" : "warn";
  const message = `${health.status}: ${health.reasons.join("; ")}`;
  return { check, status, message, remedy: "look at what the reasons name" };
}

/** How many messages the journal keeps. */
export function checkChannels(channels: readonly ChannelStats[]): Finding {
  const users = channels.filter((stats) => companionOf(stats.channel) === undefined);
  const messages = users.reduce((sum, stats) => sum + countOf(stats), 0);
  const message = `${formatCount(users.length)} with ${counted(messages, "message")}`;
  return { check: "channels", status: "ok", message };
}

/** Whether messages were set aside because handlers failed or data was not understood. */
export function checkSetAside(channels: readonly ChannelStats[]): readonly Finding[] {
  const kinds = [
    ["dead letters", companionSuffixes.deadLetters],
    ["invalid", companionSuffixes.invalid],
  ] as const;
  return kinds.map(([check, suffix]) => {
    const filled = channels.filter((stats) => stats.channel.endsWith(suffix) && countOf(stats) > 0);
    if (filled.length === 0) return { check, status: "ok", message: "none" };
    const counts = filled.map((stats) => `${formatCount(countOf(stats))} in ${stats.channel}`);
    const remedy = `look at them with: spillway tail --channel ${filled[0]?.channel}`;
    return { check, status: "warn", message: listed(counts), remedy };
  });
}

/** Whether every group that has work also has somebody who does it, and keeps up. */
export function checkGroups(channels: readonly ChannelStats[], wallMs: number): readonly Finding[] {
  const check = "groups";
  const groups = channels.flatMap((stats) =>
    stats.groups.map((group) => ({ ...group, name: `${group.group} on ${stats.channel}` })),
  );
  const idle = groups.filter((group) => group.members === 0 && group.depth > 0);
  const slow = groups.filter((group) => group.members > 0 && group.lagMs > lagMsWarn);
  const findings: Finding[] = [];
  if (idle.length > 0) {
    const names = idle.map((group) => {
      return `${group.name} (${counted(group.depth, "waits", "wait")}${expiryText(group, wallMs)})`;
    });
    const message = `nobody reads for ${listed(names)}`;
    findings.push({ check, status: "warn", message, remedy: "start their service" });
  }
  if (slow.length > 0) {
    const names = slow.map((group) => `${group.name} (${formatDuration(group.lagMs)})`);
    const message = `behind: ${listed(names)}`;
    findings.push({
      check,
      status: "warn",
      message,
      remedy: "add consumers, or see why they wait",
    });
  }
  if (findings.length > 0) return findings;
  return [{ check, status: "ok", message: `${formatCount(groups.length)}, none left behind` }];
}

/** How much longer retention waits for a group without members. */
function expiryText({ expiresAtMs }: GroupStats, wallMs: number): string {
  if (expiresAtMs === undefined) return "";
  if (expiresAtMs <= wallMs) return ", no longer kept for it";
  return `, kept for ${formatDuration(expiresAtMs - wallMs)} more`;
}

/** What groups never handled, ever: a count, not a fault, since channels may want it so. */
export function checkUnread(channels: readonly ChannelStats[]): Finding {
  const check = "unread";
  const groups = channels.flatMap(({ channel, groups: own }) =>
    own
      .filter(({ expired, dropped }) => expired + dropped > 0)
      .map(({ group, expired, dropped }) => {
        const counts = `${formatCount(expired)} expired, ${formatCount(dropped)} removed`;
        return `${group} on ${channel} (${counts})`;
      }),
  );
  const message = groups.length === 0 ? "nothing expired or was removed" : listed(groups);
  return { check, status: "ok", message };
}

function countOf(stats: ChannelStats): number {
  return stats.logs.reduce((sum, log) => sum + log.endOffset - log.startOffset, 0);
}

function companionOf(channel: string): string | undefined {
  return Object.values(companionSuffixes).find((suffix) => channel.endsWith(suffix));
}

function listed(names: readonly string[]): string {
  const more = names.length - namesMax;
  const shown = names.slice(0, namesMax).join(", ");
  return more > 0 ? `${shown} and ${more} more` : shown;
}
