// SQLite's own check of its structure, in a process of its own: it is one statement that nothing
// can interrupt and that holds one read transaction, so whoever started it ends this process when
// that lasts too long. It writes nothing.
import { openConnection } from "../journal/connection.ts";
import { serveTask } from "../task/task-process.ts";
import { Snapshot } from "./snapshot.ts";

/** Most messages that SQLite lists. */
const messagesMax = 100;

/** What is asked of this process. */
export interface StructureRequest {
  readonly directory: string;
}

serveTask(async ({ directory }: StructureRequest, { clock }): Promise<readonly string[]> => {
  const options = { clock, durability: "fsync", busyTimeoutMs: 5_000 } as const;
  const connection = openConnection(directory, "inspector", options);
  try {
    const snapshot = new Snapshot(connection);
    const sql = `PRAGMA integrity_check(${messagesMax})`;
    const { rows, failure } = snapshot.read<Record<string, unknown>>(sql);
    const messages = rows.flatMap((row) => String(Object.values(row)[0]).split("\n"));
    if (failure !== undefined) messages.push(failure);
    return messages.filter((message) => message !== "ok" && message !== "");
  } finally {
    connection.close();
  }
});
