// Messages that are held until somebody releases them, as people see and name them. Shapes and
// their matching only.
import { priorities, type Priority } from "../message/envelope.ts";
import type { OpenMessage } from "./key-lines.ts";

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

/** A held message, for people. */
export function heldMessageOf({ lane, offset, key, attempt }: OpenMessage): HeldMessage {
  return { priority: priorities[lane] ?? "normal", offset, key, attempts: attempt };
}

/** Whether the filter names this message. */
export function isMeant({ lane, offset, key }: OpenMessage, filter: ReleaseFilter): boolean {
  if (filter.key !== undefined && filter.key !== key) return false;
  if (filter.offset !== undefined && filter.offset !== offset) return false;
  return filter.priority === undefined || filter.priority === priorities[lane];
}
