// The codes of brokers that are started for a test; rows of the one table in error-codes.ts.
import { type ErrorCodeEntry, row } from "./error-code-entry.ts";

/** What can keep a broker of a test from running. */
export const brokerCodes = {
  BROKER_MISSING: row(
    false,
    "definite",
    "A test asked for a broker whose server, or something the server needs, is not installed.",
    "Install what the message names; it gives the packages of Debian and Ubuntu.",
  ),
  BROKER_FAILED: row(
    true,
    "definite",
    "A broker started for a test ended, or was not ready, stopped or gone within its limit.",
    "Read the server's last lines in the message; raise `readyTimeoutMs` on a slow machine.",
  ),
} as const satisfies Record<string, ErrorCodeEntry>;
