// One service of a chain in a process of its own; forked by chain.ts. It ends with the study.
import type { Completion, FromLink, Link, ToLink } from "./link-protocol.ts";
import { startSpillwayLink } from "./spillway-link.ts";
import { startSyncLink } from "./sync-link.ts";
import { Work } from "./work.ts";

/** How often completions are told. */
const tellMs = 50;

const work = new Work();
let link: Link | undefined;
let completions: Completion[] = [];
/** What its start cost is nobody's order. */
let usageAtStart = process.cpuUsage();

const say = (message: FromLink): void => void process.send?.(message);

function complete(id: string): void {
  completions.push([id, performance.timeOrigin + performance.now()]);
}

function tell(): void {
  if (completions.length > 0) say({ kind: "completed", completions });
  completions = [];
}

async function take(message: ToLink): Promise<void> {
  if (message.kind === "mood") work.mood = message.mood;
  else if (message.kind === "next") link?.meet(message.port);
  else if (message.kind === "start") {
    const { place } = message;
    const start = place.side === "sync" ? startSyncLink : startSpillwayLink;
    link = await start(place, work, complete);
    usageAtStart = process.cpuUsage();
    setInterval(tell, tellMs).unref();
    say({ kind: "ready", ...(link.port !== undefined && { port: link.port }) });
  } else if (message.kind === "account") {
    tell();
    const { user, system } = process.cpuUsage(usageAtStart);
    say({ kind: "processor", ms: (user + system) / 1_000 });
  } else {
    await link?.close();
    process.disconnect?.();
  }
}

// The terminal's Ctrl-C reaches every process; the study decides.
process.on("SIGINT", () => undefined);
process.on("disconnect", () => process.exit(0));
process.on("message", (message: ToLink) => {
  take(message).catch((error: unknown) => {
    say({ kind: "failed", code: "UNEXPECTED", message: String(error) });
  });
});
