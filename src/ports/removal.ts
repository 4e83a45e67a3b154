// What the removal of a channel tells others: whoever asks for it while it is in use, and whoever
// still reads the channel. Words only.
import { SpillwayError } from "../errors/spillway-error.ts";

/** Why a channel cannot be removed: that group of it has members. */
export function channelInUse(channel: string, group: string): SpillwayError {
  return new SpillwayError(
    "CHANNEL_IN_USE",
    `channel '${channel}' was not removed: group '${group}' has members: close its subscriptions ` +
      "first",
    { details: { channel, group } },
  );
}

/** What a reader is told whose channel is gone. */
export function channelRemoved(channel: string): SpillwayError {
  return new SpillwayError(
    "UNKNOWN_CHANNEL",
    `channel '${channel}' was removed while it was read: what it held is gone`,
    { details: { channel } },
  );
}
