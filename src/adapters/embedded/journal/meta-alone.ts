// What the database file of a journal says of itself when its write-ahead log is left out: tells a
// stale or a foreign copy of it from the one that the log belongs to. Always true: a value that is
// given matched its checksum; others may be writing the file meanwhile.
import { openDatabaseAlone } from "./connection.ts";
import { metaCrc } from "./row-checksums.ts";

/** Incarnation and commit number of a database. */
export interface MetaAlone {
  readonly incarnation: string;
  readonly commit: number;
}

/** Undefined where that cannot be read. */
export function metaAlone(directory: string): MetaAlone | undefined {
  const connection = openDatabaseAlone(directory);
  try {
    const rows = connection.prepare("SELECT name, value, crc FROM meta").all();
    // Somebody may be writing this very page.
    const sound = rows.filter((row) => {
      return metaCrc(String(row["name"]), String(row["value"])) === row["crc"];
    });
    const valueOf = (name: string): string | undefined => {
      const value = sound.find((row) => row["name"] === name)?.["value"];
      return typeof value === "string" ? value : undefined;
    };
    const [incarnation, commit] = [valueOf("incarnation"), valueOf("commit")];
    if (incarnation === undefined || commit === undefined) return undefined;
    return { incarnation, commit: Number(commit) };
  } catch {
    return undefined;
  } finally {
    connection.close();
  }
}
