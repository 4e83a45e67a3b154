// Whether a message is one of a contract: what turns any message into one whose data has a type.
// Always true: it looks at type and version; that the data was validated is its caller's to know.
import type { AnyContract, AnyMessage, MessageOf } from "../../contracts/contract.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";

/** Whether the message has the contract's type and version. */
export function isMessageOf<Contract extends AnyContract>(
  message: AnyMessage,
  contract: Contract,
): message is AnyMessage & MessageOf<Contract> {
  return message.type === contract.type && message.version === contract.version;
}

/** Throws INVALID_ARGUMENT for what is no contract: callers without types give names. */
export function assertContract(contract: unknown, call: string): void {
  if (typeof contract === "object" && contract !== null && "keyOf" in contract) return;
  throw new SpillwayError(
    "INVALID_ARGUMENT",
    `${call}: ${String(contract)} is not a contract: give what defineEvent() made, or ` +
      "defineCommand()",
  );
}
