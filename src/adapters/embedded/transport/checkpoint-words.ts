// What the writer thread and the checkpoint thread share: three words in shared memory. Always
// true: the words only rise; stopping raises `commits` too, so that a thread that waits for one
// wakes up.

/** Index of each word. */
export const checkpointWords = { commits: 0, stop: 1, ended: 2 } as const;

/** What the checkpoint thread is started with. */
export interface CheckpointData {
  readonly directory: string;
  readonly durability: "fsync" | "relaxed";
  readonly busyTimeoutMs: number;
  readonly shared: Int32Array;
}

/** The words, all zero. */
export function createCheckpointWords(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4 * Object.keys(checkpointWords).length));
}

/** The log holds something new. */
export function tellCommitted(shared: Int32Array): void {
  Atomics.add(shared, checkpointWords.commits, 1);
  Atomics.notify(shared, checkpointWords.commits);
}

/** Asks the thread to end, and waits at most `waitMsMax` until it closed its connection. */
export function stopCheckpoints(shared: Int32Array, waitMsMax: number): void {
  Atomics.store(shared, checkpointWords.stop, 1);
  Atomics.notify(shared, checkpointWords.stop);
  tellCommitted(shared);
  Atomics.wait(shared, checkpointWords.ended, 0, waitMsMax);
}
