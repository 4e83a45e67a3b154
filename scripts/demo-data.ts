/**
 * Writes the data of `spillway demo webhooks`: the recorded deliveries of the development
 * dependency `@octokit/webhooks-examples`, as one compressed file that the package carries.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";

interface Definition {
  readonly name: string;
  readonly examples: readonly unknown[];
}

interface RecordedDelivery {
  readonly event: string;
  readonly payload: unknown;
}

const sourceName = "@octokit/webhooks-examples";
const target = fileURLToPath(new URL("../src/demo/data/webhooks.json.br", import.meta.url));
const sourcePath = createRequire(import.meta.url).resolve(sourceName);

/** The recorded deliveries, mixed so that neighbours are of different kinds, as in real traffic. */
export function collectDeliveries(): RecordedDelivery[] {
  const definitions = JSON.parse(readFileSync(sourcePath, "utf8")) as readonly Definition[];
  // Every kind is spread over the whole length by its share; nothing here depends on chance.
  return definitions
    .flatMap(({ name, examples }, kind) =>
      examples.map((payload, index) => ({
        delivery: { event: name, payload },
        place: (index + (kind + 0.5) / definitions.length) / examples.length,
      })),
    )
    .sort((left, right) => left.place - right.place)
    .map(({ delivery }) => delivery);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const deliveries = collectDeliveries();
  const text = JSON.stringify(deliveries);
  const bytes = brotliCompressSync(text, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
      [constants.BROTLI_PARAM_SIZE_HINT]: text.length,
    },
  });
  writeFileSync(target, bytes);
  console.log(`demo-data: ${deliveries.length} deliveries, ${bytes.length} bytes, ${target}`);
}
