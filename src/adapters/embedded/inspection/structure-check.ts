// Runs SQLite's check of its structure beside publishers. Always true: its read transaction ends
// before the write-ahead log, which cannot start anew meanwhile, has grown by `walGrowthMax`.
import { statSync } from "node:fs";
import type { Clock } from "../../../kernel/clock.ts";
import { SpillwayError } from "../../../errors/spillway-error.ts";
import { walPath } from "../journal/directory.ts";
import { runTask, taskUrl } from "../task/child-task.ts";
import type { StructureRequest } from "./structure-process.ts";

/** How far the write-ahead log may grow while the check runs: publishers stop at 48 MiB. */
export const walGrowthMax = 16_777_216;
const lookMs = 20;

/** What the check said: messages (none: sound), or that it was ended before it was done. */
export type StructureResult =
  | { readonly kind: "checked"; readonly messages: readonly string[] }
  | { readonly kind: "ended"; readonly why: "stopped" | "log-grew" };

/** Checks the structure of the journal in `directory`. */
export async function checkStructure(
  directory: string,
  options: { readonly clock: Clock; readonly signal?: AbortSignal | undefined },
): Promise<StructureResult> {
  const { clock, signal } = options;
  const kill = new AbortController();
  let why: "stopped" | "log-grew" | undefined;
  const end = (cause: "stopped" | "log-grew"): void => {
    why ??= cause;
    kill.abort();
  };
  const onStop = (): void => end("stopped");
  if (signal?.aborted === true) return { kind: "ended", why: "stopped" };
  signal?.addEventListener("abort", onStop, { once: true });
  const walBytes = (): number => statSync(walPath(directory), { throwIfNoEntry: false })?.size ?? 0;
  const before = walBytes();
  let cancel = (): void => undefined;
  const look = (): void => {
    if (walBytes() - before > walGrowthMax) end("log-grew");
    else cancel = clock.after(lookMs, look);
  };
  look();
  try {
    const request: StructureRequest = { directory };
    const url = taskUrl("inspection", "structure-process");
    const messages = await runTask<never, readonly string[]>(url, request, { kill: kill.signal });
    return { kind: "checked", messages };
  } catch (error) {
    if (why === undefined || !(error instanceof SpillwayError)) throw error;
    return { kind: "ended", why };
  } finally {
    cancel();
    signal?.removeEventListener("abort", onStop);
  }
}
