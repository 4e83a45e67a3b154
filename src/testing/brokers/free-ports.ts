// Ports for servers of this machine. Always true: a port comes from below the range that the system
// gives to outgoing connections, so that none of those takes it while its server is down.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { SpillwayError } from "../../errors/spillway-error.ts";
import type { Random } from "../../kernel/random.ts";
import { loopback } from "./probe.ts";

const lowest = 10_240;
/** Where systems that do not say begin to number outgoing connections, at the earliest. */
const outgoingDefault = 32_768;
/** How many ports are tried for each that is wanted. */
const triesMax = 500;

/** Different ports that nobody listens on right now. Throws BROKER_FAILED when it finds none. */
export async function freePorts(count: number, random: Random): Promise<readonly number[]> {
  const span = outgoingStart() - lowest;
  const found = new Set<number>();
  for (let tries = 0; found.size < count && tries < triesMax * count; tries++) {
    const port = lowest + (random.uint32() % span);
    if (await isFree(port)) found.add(port);
  }
  if (found.size === count) return [...found];
  throw new SpillwayError(
    "BROKER_FAILED",
    `no free port after ${triesMax * count} tries from ${lowest} to ${lowest + span - 1}`,
  );
}

/** Whether a server of this machine could listen on it. */
export async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, loopback);
    await once(server, "listening");
    server.close();
    await once(server, "close");
    return true;
  } catch {
    return false;
  }
}

function outgoingStart(): number {
  try {
    const range = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8");
    const start = Number(range.trim().split(/\s+/)[0]);
    // A machine that gives out nearly all of them leaves none aside.
    return start > lowest + triesMax ? start : outgoingDefault;
  } catch {
    return outgoingDefault;
  }
}
