// One question over TCP to a server of this machine, in its own protocol. Always true: the promise
// resolves within the limit, and the connection is closed then.
import { connect } from "node:net";
import { type Clock, systemClock } from "../../kernel/clock.ts";

/** Only this machine reaches a broker of a test. */
export const loopback = "127.0.0.1";
/** More than any answer to a probe has; what sends more is no server that we know. */
const answerBytesMax = 1_048_576;

/** What a server says that is ready. */
export interface Readiness {
  /** Its version, where the answer tells. */
  readonly version?: string | undefined;
}

/** A question, and how its answer is read: undefined while incomplete, or where not ready. */
export interface Probe {
  /** Sent at once; nothing where the server speaks first. */
  readonly question?: Buffer;
  readonly read: (received: Buffer) => Readiness | undefined;
}

/** Asks; undefined: nobody answered so within the limit that the server is ready. */
export function ask(
  port: number,
  probe: Probe,
  limitMs: number,
  clock: Clock = systemClock,
): Promise<Readiness | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, loopback);
    let received = Buffer.alloc(0);
    const finish = (readiness?: Readiness): void => {
      cancel();
      socket.destroy();
      resolve(readiness);
    };
    const cancel = clock.after(limitMs, () => finish());
    socket.once("connect", () => {
      if (probe.question !== undefined) socket.write(probe.question);
    });
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const readiness = readWhole(probe, received);
      if (readiness !== undefined || received.length > answerBytesMax) finish(readiness);
    });
    socket.once("error", () => finish());
    socket.once("close", () => finish());
  });
}

/** Whether somebody listens on the port. */
export async function isListening(port: number, limitMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, loopback);
    const finish = (listens: boolean): void => {
      cancel();
      socket.destroy();
      resolve(listens);
    };
    const cancel = systemClock.after(limitMs, () => finish(false));
    socket.once("connect", () => finish(true));
    socket.once("error", () => finish(false));
  });
}

/** Readers take what they need from the front; behind the end there is nothing yet. */
function readWhole({ read }: Probe, received: Buffer): Readiness | undefined {
  try {
    return read(received);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
