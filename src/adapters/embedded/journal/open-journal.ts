// Opening a journal: the writing connection, the schema where the directory is new, the migration
// where it is older, and the journal on top. Always true: where opening fails, no connection of it
// stays open.
import { newId } from "../../../kernel/id.ts";
import { openConnection, retryWhileBusy } from "./connection.ts";
import type { EngineOptions, Resumption } from "./engine.ts";
import { type CoreEnvironment, Journal } from "./journal.ts";
import { migrate } from "./migrate.ts";
import { createSchema, hasSchema } from "./schema.ts";
import { Writer } from "./writer.ts";

/**
 * Opens the journal; with `resumption` only the one that this process had open before. On a full
 * disk the write-ahead log is copied first, so that it begins anew where it has its space already.
 */
export function openJournal(
  environment: CoreEnvironment,
  options: EngineOptions,
  resumption: Resumption | undefined,
  isDiskFull = false,
): Journal {
  const writer = openWriter(environment, options);
  try {
    if (isDiskFull) writer.one("PRAGMA wal_checkpoint(RESTART)");
    return new Journal(environment, options, writer, resumption);
  } catch (error) {
    writer.close();
    throw error;
  }
}

function openWriter(environment: CoreEnvironment, options: EngineOptions): Writer {
  const { clock, random, commit, onWaiting = () => undefined } = environment;
  const { directory, busyTimeoutMs } = options;
  const connectionOptions = { clock, durability: options.durability, busyTimeoutMs };
  const connection = openConnection(directory, "writer", connectionOptions);
  try {
    migrate(connection, directory, { ...connectionOptions, leaseMs: options.leaseMs });
    if (!hasSchema(connection)) {
      retryWhileBusy(`creating the journal in ${directory}`, connectionOptions, () => {
        connection.exec("BEGIN IMMEDIATE");
        try {
          // Another process may have been first; then there is nothing left to do.
          if (!hasSchema(connection)) createSchema(connection, newId(clock, random));
          connection.exec("COMMIT");
        } catch (error) {
          connection.exec("ROLLBACK");
          throw error;
        }
      });
    }
    return new Writer(connection, { clock, random, busyTimeoutMs, onWaiting, commit });
  } catch (error) {
    connection.close();
    throw error;
  }
}
