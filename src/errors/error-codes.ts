// The one table of error codes: the classes, the messages' tone and the generated error reference
// (docs/reference/errors.md) all derive from it. A code is never renamed, and never reused.
import { brokerCodes } from "./broker-codes.ts";
import { type ErrorCodeEntry, row } from "./error-code-entry.ts";
import { redriveCodes } from "./redrive-codes.ts";
import { storageCodes } from "./storage-codes.ts";

export type { Certainty, ErrorCodeEntry } from "./error-code-entry.ts";

/** Every error a user can meet: code → whether to retry, what is certain, cause and remedy. */
export const errorCodes = {
  INVALID_ARGUMENT: row(
    false,
    "definite",
    "An option or argument of a call has a value that the call cannot use.",
    "Correct the argument named in the message; nothing was changed.",
  ),
  INVALID_NAME: row(
    false,
    "definite",
    "A contract, channel, group or tenant name does not follow the grammar of names.",
    "Use a-z, 0-9, dots, hyphens and underscores; start with a letter or digit.",
  ),
  VALIDATION_FAILED: row(
    false,
    "definite",
    "The data of a message does not fit the schema of its contract.",
    "Correct every path listed in `issues`; the message was not stored.",
  ),
  MESSAGE_TOO_LARGE: row(
    false,
    "definite",
    "The encoded message is larger than `messageBytesMax`.",
    "Send a reference to the content instead, or raise `messageBytesMax` (64 MiB at most).",
  ),
  BACK_PRESSURE: row(
    true,
    "definite",
    "More waits than `pendingMax`, `pendingBytesMax` or the channel's `limits` allow.",
    "Await earlier publishes, or `retryAfterMs`, then try again; the message was not stored.",
  ),
  UNSUPPORTED: row(
    false,
    "definite",
    "The chosen transport cannot give what was asked for.",
    "Choose one of the transports or options listed in the message.",
  ),
  CLOSED: row(
    false,
    "definite",
    "The bus, subscription or journal is closing or closed.",
    "Create a new one; what was acknowledged before is stored.",
  ),
  ABORTED: row(
    true,
    "indefinite",
    "The caller's AbortSignal fired while the operation was under way.",
    "Repeat with the same message id if it must happen: a repeat within the window is stored once.",
  ),
  LEASE_LOST: row(
    true,
    "definite",
    "Another consumer took over these keys because this one looked dead or was frozen.",
    "Nothing: the commit was refused and the messages are delivered to the new owner.",
  ),
  ID_REUSED: row(
    false,
    "definite",
    "A message with the same source and id but other content was published within the window.",
    "Give every message its own id; repeat an id only to repeat the very same message.",
  ),
  PRIORITY_BREAKS_ORDER: row(
    false,
    "definite",
    "A priority was given to a single message that has a key, which could overtake its own key.",
    "Make the priority a function of the key on the channel (`priorityOf`), or leave the key out.",
  ),
  CONTRACT_CONFLICT: row(
    false,
    "definite",
    "Two different contracts with the same name and version, or a contract outside its channel.",
    "Define each contract once and share the object; list it in one channel.",
  ),
  CHANNEL_CONFLICT: row(
    false,
    "definite",
    "A channel is declared again with options that cannot change, or two channels share a name.",
    "Use the options it was created with, or another channel name.",
  ),
  CHANNEL_IN_USE: row(
    false,
    "definite",
    "A channel was to be removed while a group of it has members.",
    "Close the subscriptions first, in every process.",
  ),
  GROUP_CONFLICT: row(
    false,
    "definite",
    "A second subscription uses the same group on the same channel for other messages.",
    "Give each subscription its own `group`, or handle all contracts in one subscription.",
  ),
  UNKNOWN_CHANNEL: row(
    false,
    "definite",
    "No channel of that name exists in this journal.",
    "Check the name against the list in the message.",
  ),
  UNKNOWN_TYPE: row(
    false,
    "definite",
    "A stored message has a type, or a version of a type, that its subscriber does not know.",
    "Subscribe to the contract, or add an upcast; the message is in the invalid-message channel.",
  ),
  UPCAST_FAILED: row(
    false,
    "definite",
    "An upcaster threw while it brought old data to the current version.",
    "Correct the upcaster; the message waits in the invalid-message channel.",
  ),
  CODEC_FAILED: row(
    false,
    "definite",
    "Data could not be encoded, or stored bytes could not be decoded.",
    "Check that the data is what the codec can carry (JSON: no cycles, no BigInt).",
  ),
  HANDLER_FAILED: row(
    true,
    "definite",
    "A handler threw something that is not an error of this library.",
    "See `cause`; the message is retried, then goes to the dead-letter channel.",
  ),
  HANDLER_TIMEOUT: row(
    true,
    "indefinite",
    "A handler did not settle within `timeoutMs`.",
    "Observe `context.signal` in the handler, or raise `timeoutMs`; the message is retried.",
  ),
  HANDLER_RESULT_INVALID: row(
    false,
    "definite",
    "A handler returned something that is not a message, or no reply that its command declares.",
    "Return what `Contract.message(…)` gives, a list of those, or nothing; of a command its reply.",
  ),
  WORKER_ENDED: row(
    true,
    "indefinite",
    "The thread that ran a worker handler crashed, ran out of memory, or had to be ended.",
    "See the message and `cause`; the message is retried in another thread.",
  ),
  PUBLISH_INSIDE_HANDLER: row(
    false,
    "definite",
    "`bus.publish` was called inside a handler, where it would escape the commit unit.",
    "Return the message, use `context.publish`, or pass `{ detached: true }` if escaping is meant.",
  ),
  REQUEST_INSIDE_HANDLER: row(
    false,
    "definite",
    "`bus.request` was called inside a handler without an id, so that a repeat would ask anew.",
    "Give an id derived from `context.idempotencyKey`: a repeated handler asks the same question.",
  ),
  STATE_CONFLICT: row(
    true,
    "definite",
    "The state that a handler read was changed by others before it committed, again and again.",
    "Nothing as a rule: the handler is repeated. Spread hot state over more keys if it lasts.",
  ),
  KEY_BLOCKED: row(
    false,
    "definite",
    "Too many messages waited behind a failed one of the same key.",
    "Read the dead letters of the key; correct what failed first, then publish them in order.",
  ),
  OUT_OF_SEQUENCE: row(
    false,
    "definite",
    "A message came after the wait for its number was given up, or its number was handled before.",
    "Redrive it where it is still wanted; raise `waitMsMax`, or look for two producers of the key.",
  ),
  REJECTED: row(
    false,
    "definite",
    "A handler threw `Reject`.",
    "See the reason; the message is in the dead-letter channel.",
  ),
  RETRY_LATER: row(
    true,
    "definite",
    "A handler threw `RetryLater`.",
    "Nothing: the message is delivered again after the given time.",
  ),
  ...redriveCodes,
  ...storageCodes,
  TRANSPORT_INTERRUPTED: row(
    true,
    "definite",
    "The transport closed itself after a fault of its disk or connection, and opens itself again.",
    "Nothing as a rule: publishes wait and subscriptions go on once it is open; see health() why.",
  ),
  TRANSPORT_FAILED: row(
    true,
    "indefinite",
    "The transport failed with an error that it does not explain.",
    "See `cause`; repeat with the same message id: a repeat within the window is stored once.",
  ),
  DRAIN_DEADLINE: row(
    true,
    "definite",
    "Closing took longer than its deadline, so work in flight was left to be redelivered.",
    "Raise `drainTimeoutMs`, or make handlers observe `context.signal`.",
  ),
  RUNTIME_TOO_OLD: row(
    false,
    "definite",
    "This Node.js is older than the library supports.",
    "Use Node.js 22.22 or newer.",
  ),
  INPUT_INVALID: row(
    false,
    "definite",
    "A line, file or CloudEvent that came from outside is not what it has to be.",
    "Correct the line or attribute named in the message; what was reported as stored is stored.",
  ),
  ...brokerCodes,
} as const satisfies Record<string, ErrorCodeEntry>;

/** The code of a SpillwayError. */
export type ErrorCode = keyof typeof errorCodes;
