// The receiver's own list of what it accepted: a plain file beside the journal, written without
// the journal's help, so that the ledger compares two independent sources. Always true: a
// delivery stands in the list as "offered" before it is published, and as "stored" after its
// publish resolved.
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { DeliveryChannelName } from "./github-contracts.ts";

/** One delivery in the list. */
export interface LoggedDelivery {
  readonly id: string;
  readonly channel: DeliveryChannelName;
  /** Whom it is about: the key of its message. */
  readonly key: string;
}

/** Everything the list says. */
export interface DeliveryLogContent {
  /** Deliveries whose storing was acknowledged, by id. */
  readonly stored: ReadonlyMap<string, LoggedDelivery>;
  /** Deliveries that were offered and never acknowledged: they may be stored or not. */
  readonly unconfirmed: ReadonlyMap<string, LoggedDelivery>;
}

type Line =
  | { readonly offered: readonly LoggedDelivery[] }
  | { readonly stored: readonly string[] };

/** The name of the file, beside the journal. */
export const deliveryLogFile = "received.ndjson";

/** Whether a directory holds the list of an earlier run. */
export function hasDeliveryLog(directory: string): boolean {
  return existsSync(join(directory, deliveryLogFile));
}

/** Writes and reads the list. */
export class DeliveryLog {
  readonly #path: string;

  constructor(directory: string) {
    this.#path = join(directory, deliveryLogFile);
    this.#write({ offered: [] });
  }

  /** Notes deliveries that are about to be published. */
  offered(deliveries: readonly LoggedDelivery[]): void {
    this.#write({ offered: deliveries });
  }

  /** Notes deliveries whose publish resolved. */
  stored(ids: readonly string[]): void {
    this.#write({ stored: ids });
  }

  /** Reads the whole list, also of earlier runs in the same directory. */
  read(): DeliveryLogContent {
    const offered = new Map<string, LoggedDelivery>();
    const stored = new Map<string, LoggedDelivery>();
    for (const text of readFileSync(this.#path, "utf8").split("\n")) {
      if (text === "") continue;
      const line = JSON.parse(text) as Line;
      if ("offered" in line)
        for (const delivery of line.offered) offered.set(delivery.id, delivery);
      else for (const id of line.stored) confirm(id, offered, stored);
    }
    return { stored, unconfirmed: offered };
  }

  #write(line: Line): void {
    appendFileSync(this.#path, `${JSON.stringify(line)}\n`);
  }
}

function confirm(
  id: string,
  offered: Map<string, LoggedDelivery>,
  stored: Map<string, LoggedDelivery>,
): void {
  const delivery = offered.get(id);
  if (delivery === undefined) return;
  offered.delete(id);
  stored.set(id, delivery);
}
