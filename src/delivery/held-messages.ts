// Messages that are held until somebody releases them, as people see and name them. Shapes and
// their matching only.
import { priorities, type Priority } from "../message/envelope.ts";
import type { OpenMessage } from "./key-lines.ts";
import type { OpenMessages } from "./open-messages.ts";

/** A message that is held: a `park` rule decided so. */
export interface HeldMessage {
  readonly priority: Priority;
  readonly offset: number;
  /** Its key, where order is by key; others of this key wait behind it. */
  readonly key: string | undefined;
  /** How often its handler has failed. */
  readonly attempts: number;
}

/** Which held messages are meant: all that fit everything given; nothing given: all. */
export interface ReleaseFilter {
  readonly key?: string;
  readonly offset?: number;
  readonly priority?: Priority;
}

/** The held ones of a subscription, for people. */
export function heldMessagesOf(open: OpenMessages): HeldMessage[] {
  return heldAmong(open).map(heldMessageOf);
}

/** Makes those due that the filter names; says how many. */
export function releaseHeld(open: OpenMessages, filter: ReleaseFilter): number {
  return heldAmong(open).filter((each) => isMeant(each, filter) && open.makeDue(each)).length;
}

function heldAmong(open: OpenMessages): OpenMessage[] {
  return Array.from(open.committed).filter((message) => message.isHeld);
}

function heldMessageOf({ lane, offset, key, attempt }: OpenMessage): HeldMessage {
  return { priority: priorities[lane] ?? "normal", offset, key, attempts: attempt };
}

function isMeant({ lane, offset, key }: OpenMessage, filter: ReleaseFilter): boolean {
  if (filter.key !== undefined && filter.key !== key) return false;
  if (filter.offset !== undefined && filter.offset !== offset) return false;
  return filter.priority === undefined || filter.priority === priorities[lane];
}
