// The groups this bus takes part in: what each reads, so that two subscriptions cannot share a
// group and read different things, and the counters that its subscriptions share.
import { SpillwayError } from "../errors/spillway-error.ts";
import { GroupCounters } from "../telemetry/counters.ts";

interface Membership {
  readonly counters: GroupCounters;
  types: string | undefined;
  members: number;
}

/** Groups by channel and name; counters stay for the life of the bus. */
export class GroupRegistry {
  readonly #groups = new Map<string, Membership>();

  /** The counters of a group, if this bus ever took part in it. */
  countersOf(channel: string, group: string): GroupCounters | undefined {
    return this.#groups.get(nameOf(channel, group))?.counters;
  }

  /** Joins a group. Throws GROUP_CONFLICT while a member of this bus reads something else. */
  join(channel: string, group: string, types: readonly string[] | undefined): GroupCounters {
    const wanted = types?.join(", ");
    const name = nameOf(channel, group);
    let membership = this.#groups.get(name);
    if (membership === undefined) {
      membership = { counters: new GroupCounters(), types: wanted, members: 0 };
      this.#groups.set(name, membership);
    }
    if (membership.members > 0 && membership.types !== wanted) {
      throw new SpillwayError(
        "GROUP_CONFLICT",
        `group '${group}' on '${channel}' reads ${membership.types ?? "the whole channel"}; a ` +
          `second subscription cannot read ${wanted ?? "the whole channel"} under that name: ` +
          "give it a group of its own, or handle all contracts in one subscription",
        { details: { channel, group } },
      );
    }
    membership.types = wanted;
    membership.members++;
    return membership.counters;
  }

  /** Whether this bus takes part in a group now, also while it joins it anew. */
  isMember(channel: string, group: string): boolean {
    return (this.#groups.get(nameOf(channel, group))?.members ?? 0) > 0;
  }

  /** Leaves a group that was joined. */
  leave(channel: string, group: string): void {
    const membership = this.#groups.get(nameOf(channel, group));
    if (membership !== undefined) membership.members--;
  }
}

/** Names hold no slash. */
function nameOf(channel: string, group: string): string {
  return `${channel}/${group}`;
}
