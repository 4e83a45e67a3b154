// What keeps a subscription from its work, in words for people. Knows no more than it is shown.
import type { DeliveryParts } from "./delivery-parts.ts";

/** One line per reason; `hanging`: handlers that did not settle, where they hold everything up. */
export function troublesOf(
  { options, limits, open, sequences }: DeliveryParts,
  hanging: number,
  intake: string | undefined,
): readonly string[] {
  const troubles: string[] = [];
  if (hanging > 0) {
    troubles.push(
      `${hanging} handlers did not settle within ${options.timeoutMs} ms; nothing is handled ` +
        "until some return",
    );
  }
  if (open.size >= limits.openMax) {
    troubles.push(`${open.size} messages wait to be tried again; nothing new is fetched`);
  }
  if (open.isKeyFull) {
    troubles.push(
      `${limits.parkedPerKeyMax} messages wait behind a failed one of their key; nothing new is ` +
        "fetched",
    );
  }
  if (sequences?.trouble !== undefined) troubles.push(sequences.trouble);
  if (options.flow !== undefined) troubles.push(...options.flow.troubles);
  if (options.gate !== undefined) troubles.push(...options.gate.troubles);
  if (intake !== undefined) troubles.push(intake);
  const name = `group '${options.group}' on channel '${options.channel}'`;
  return troubles.map((each) => `${name}: ${each}`);
}
