// As much of a NATS client as the comparison needs: publish with a reply, request, receive, over
// plain TCP in the server's text protocol. Always true: a request or publish resolves with what the
// server answered, or rejects when the connection ends.
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

const connectAttemptsMax = 400;
const connectPauseMs = 25;

/** A message that the server sent to a subscription. */
export interface NatsMessage {
  readonly subject: string;
  /** Of a consumer of a stream: says where in the stream the message is. */
  readonly reply: string | undefined;
  readonly payload: Buffer;
}

interface Waiting {
  readonly resolve: (payload: Buffer) => void;
  readonly reject: (error: Error) => void;
}

/** See the head of this file. */
export class NatsClient {
  readonly #socket: Socket;
  readonly #inbox = `_INBOX.${process.pid}`;
  readonly #waiting = new Map<string, Waiting>();
  readonly #listeners = new Map<string, (message: NatsMessage) => void>();
  #received = Buffer.alloc(0);
  #requests = 0;
  #subscriptions = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("close", () => this.#ended());
    socket.on("error", () => this.#ended());
    this.#send('CONNECT {"verbose":false,"pedantic":false,"lang":"test","version":"1"}\r\n');
    this.subscribe(`${this.#inbox}.*`, ({ subject, payload }) => {
      const waiting = this.#waiting.get(subject);
      this.#waiting.delete(subject);
      waiting?.resolve(payload);
    });
  }

  /** Connects as soon as a server listens on the port. */
  static async connect(port: number): Promise<NatsClient> {
    for (let attempt = 1; ; attempt++) {
      try {
        return new NatsClient(await open(port));
      } catch (error) {
        if (attempt === connectAttemptsMax) throw error;
        await pause(connectPauseMs);
      }
    }
  }

  /** Calls `listener` for each message of a subject. */
  subscribe(subject: string, listener: (message: NatsMessage) => void): void {
    const id = `${++this.#subscriptions}`;
    this.#listeners.set(id, listener);
    this.#send(`SUB ${subject} ${id}\r\n`);
  }

  /** Publishes, and resolves with the answer: for a stream its acknowledgement. */
  request(subject: string, payload: string): Promise<Buffer> {
    const reply = `${this.#inbox}.${this.#requests++}`;
    return new Promise((resolve, reject) => {
      this.#waiting.set(reply, { resolve, reject });
      this.#send(`PUB ${subject} ${reply} ${Buffer.byteLength(payload)}\r\n${payload}\r\n`);
    });
  }

  /** Ends the connection. */
  close(): void {
    this.#socket.destroy();
  }

  #send(text: string): void {
    this.#socket.write(text);
  }

  #ended(): void {
    const error = new Error("the connection to nats-server ended");
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #take(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    for (;;) {
      const end = this.#received.indexOf("\r\n");
      if (end < 0) return;
      const line = this.#received.toString("latin1", 0, end);
      const [word = "", subject = "", id = "", ...rest] = line.split(" ");
      let next = end + 2;
      if (word === "MSG") {
        const length = Number(rest.at(-1));
        if (this.#received.length < next + length + 2) return;
        const payload = Buffer.from(this.#received.subarray(next, next + length));
        next += length + 2;
        const reply = rest.length > 1 ? rest[0] : undefined;
        this.#listeners.get(id)?.({ subject, reply, payload });
      } else if (word === "PING") this.#send("PONG\r\n");
      else if (word === "-ERR") throw new Error(`nats-server: ${line}`);
      this.#received = this.#received.subarray(next);
    }
  }
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.off("error", reject);
      socket.setNoDelay(true);
      resolve(socket);
    });
    socket.once("error", reject);
  });
}
