// Draining on signals. One process listener per signal serves all buses of the process; it runs
// their drains, then lets the signal have its usual effect where nobody else listens. Always true:
// without buses that asked for a signal there is no listener for it.
import type { ShutdownSignal } from "./bus-options.ts";

interface Watch {
  readonly drains: Set<() => Promise<void>>;
  readonly listener: () => void;
}

const watches = new Map<ShutdownSignal, Watch>();

/** Calls `drain` on each of these signals until the returned function is called. */
export function drainOnSignals(
  signals: readonly ShutdownSignal[],
  drain: () => Promise<void>,
): () => void {
  for (const signal of signals) watchFor(signal).drains.add(drain);
  return () => {
    for (const signal of signals) forget(signal, drain);
  };
}

function watchFor(signal: ShutdownSignal): Watch {
  let watch = watches.get(signal);
  if (watch === undefined) {
    const drains = new Set<() => Promise<void>>();
    watch = { drains, listener: () => void onSignal(signal, drains) };
    watches.set(signal, watch);
    process.on(signal, watch.listener);
  }
  return watch;
}

function forget(signal: ShutdownSignal, drain: () => Promise<void>): void {
  const watch = watches.get(signal);
  if (watch === undefined || !watch.drains.delete(drain) || watch.drains.size > 0) return;
  watches.delete(signal);
  process.removeListener(signal, watch.listener);
}

/** Drains every bus; each forgets the signal as it closes, so the listener is gone at the end. */
async function onSignal(
  signal: ShutdownSignal,
  drains: ReadonlySet<() => Promise<void>>,
): Promise<void> {
  const results = await Promise.allSettled([...drains].map((drain) => drain()));
  for (const result of results) {
    if (result.status === "rejected") process.emitWarning(result.reason as Error);
  }
  // Somebody else's listener, or a bus that was made meanwhile, decides about the process.
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
}
