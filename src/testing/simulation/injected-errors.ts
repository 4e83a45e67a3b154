// The errors of a simulated disk, and what they are told as. Always true: what isInjected() knows
// can come of a fault; every other error of a simulated run is one that nobody asked for.

/** An error as SQLite gives it: 10 for a disk that fails, 13 for one that is full. */
export function diskError(errcode: 10 | 13, message: string): Error {
  return Object.assign(new Error(message), { code: "ERR_SQLITE_ERROR", errcode });
}

/** What failing disks, and journals that close themselves, are told as. */
const injectedCodes: ReadonlySet<string> = new Set([
  "JOURNAL_IO",
  "JOURNAL_FULL",
  "JOURNAL_BUSY",
  "TRANSPORT_INTERRUPTED",
]);

/** Whether a fault can be the cause. */
export function isInjected(error: unknown): boolean {
  return error instanceof Error && "code" in error && injectedCodes.has(String(error.code));
}
