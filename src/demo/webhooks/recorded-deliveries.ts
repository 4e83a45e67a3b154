// The recorded GitHub deliveries that the demo replays: read once from the compressed file beside
// it. Knows nothing of contracts. See data/NOTICE.md for where they come from.
import { readFileSync } from "node:fs";
import { brotliDecompressSync } from "node:zlib";

/** One delivery as GitHub sent it: the value of `X-GitHub-Event`, and the body. */
export interface RecordedDelivery {
  readonly event: string;
  readonly payload: unknown;
}

/** All recorded deliveries, in the order in which they are replayed. */
export function readRecordedDeliveries(): readonly RecordedDelivery[] {
  const path = new URL("../data/webhooks.json.br", import.meta.url);
  const text = brotliDecompressSync(readFileSync(path)).toString("utf8");
  return JSON.parse(text) as readonly RecordedDelivery[];
}
