// The address under which the state of a request can be asked for: where its command is stored, and
// its id. Always true: an address proves nothing by itself; whoever resolves it looks the message
// up, so that an invented one is told apart from a request that waits.
import type { Receipt } from "../bus/receipt.ts";
import type { Priority } from "../message/envelope.ts";

/** What an address says. */
export interface RequestPlace {
  readonly requestId: string;
  readonly priority: Priority;
  /** Undefined: where the command is stored is not known. */
  readonly offset: number | undefined;
}

/** Between a route's path and the requests that it accepted. */
export const requestsSegment = "/requests/";

const lanes: Readonly<Record<Priority, string>> = { high: "h", normal: "n", low: "l" };
const grammar = /^([hnl])(\d{0,15})-(.+)$/;

/** The last segment of the address of an accepted request. */
export function addressOfReceipt({ id, priority, offset }: Receipt): string {
  return `${lanes[priority]}${offset ?? ""}-${encodeURIComponent(id)}`;
}

/** What a segment says; undefined where it is none of ours. */
export function placeOfAddress(segment: string): RequestPlace | undefined {
  const parts = grammar.exec(segment);
  const requestId = decoded(parts?.[3]);
  const lane = (["high", "normal", "low"] as const).find((each) => lanes[each] === parts?.[1]);
  if (requestId === undefined || lane === undefined) return undefined;
  const digits = parts?.[2] ?? "";
  return { requestId, priority: lane, offset: digits === "" ? undefined : Number(digits) };
}

function decoded(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
