// Doorbells: each process with a journal open listens on a unix socket, and rings those of the
// others after a commit. A byte says no more than "look at the journal"; losing one costs a slow
// poll. A peer whose socket refuses or closes is dead, which is faster than waiting for its lease
// to run out. Always true: at most one unanswered ring per peer, however many commits there are.
import { rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";

/** What a ring means. */
export const ringKinds = { committed: 1, waiting: 2 } as const;
const answerByte = Buffer.of(0);
/** Peers that a process rings at most; the others notice by their slow poll. */
export const peersMax = 64;

/** Who is told what. */
export interface DoorbellListener {
  /** Somebody committed: look at the journal. */
  onRing(): void;
  /** Somebody waits for the write lock. */
  onWaiting(): void;
  /** The peer with this path is dead. */
  onGone(path: string): void;
}

/** A peer that this process rings. */
interface Peer {
  readonly socket: Socket;
  connected: boolean;
  /** A ring is out that the peer has not answered. */
  unanswered: boolean;
  /** There was a commit since that ring. */
  again: boolean;
}

/** This process's doorbell, and the lines to the others'. */
export class Doorbell {
  readonly path: string;
  readonly #listener: DoorbellListener;
  readonly #server: Server;
  readonly #visitors = new Set<Socket>();
  readonly #peers = new Map<string, Peer>();

  private constructor(path: string, listener: DoorbellListener) {
    this.path = path;
    this.#listener = listener;
    this.#server = createServer((visitor) => this.#welcome(visitor));
  }

  /** Listens on `path`; rejects where no socket can be made there. */
  static listen(path: string, listener: DoorbellListener): Promise<Doorbell> {
    const doorbell = new Doorbell(path, listener);
    return new Promise((resolve, reject) => {
      doorbell.#server.once("error", reject);
      doorbell.#server.listen(path, () => {
        doorbell.#server.off("error", reject);
        doorbell.#server.on("error", () => undefined);
        resolve(doorbell);
      });
    });
  }

  #welcome(visitor: Socket): void {
    this.#visitors.add(visitor);
    visitor.on("error", () => undefined);
    visitor.on("close", () => this.#visitors.delete(visitor));
    visitor.on("data", (bytes: Buffer) => {
      // Answered first: what is committed from now on is worth another ring.
      if (bytes.includes(ringKinds.committed)) {
        visitor.write(answerByte);
        this.#listener.onRing();
      }
      if (bytes.includes(ringKinds.waiting)) this.#listener.onWaiting();
    });
  }

  /** Keeps a line to each of these doorbells, and to no other. */
  connectTo(paths: readonly string[]): void {
    const wanted = new Set(paths.filter((path) => path !== "" && path !== this.path));
    for (const [path, { socket }] of this.#peers) {
      if (wanted.has(path)) continue;
      this.#peers.delete(path);
      socket.destroy();
    }
    for (const path of wanted) {
      if (this.#peers.size >= peersMax) return;
      if (!this.#peers.has(path)) this.#connect(path);
    }
  }

  #connect(path: string): void {
    const socket = connect(path);
    const peer: Peer = { socket, connected: false, unanswered: false, again: false };
    this.#peers.set(path, peer);
    socket.on("connect", () => {
      peer.connected = true;
      this.#ring(peer);
    });
    socket.on("data", () => {
      peer.unanswered = false;
      if (peer.again) this.#ring(peer);
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      // ENOENT says nothing: the folder may be another one for that process.
      if (error.code === "ECONNREFUSED") this.#gone(path, peer);
    });
    socket.on("close", () => {
      if (peer.connected) this.#gone(path, peer);
      else if (this.#peers.get(path) === peer) this.#peers.delete(path);
    });
  }

  #gone(path: string, peer: Peer): void {
    if (this.#peers.get(path) !== peer) return;
    this.#peers.delete(path);
    rmSync(path, { force: true });
    this.#listener.onGone(path);
  }

  /** Tells every peer that there was a commit. */
  ring(): void {
    for (const peer of this.#peers.values()) this.#ring(peer);
  }

  #ring(peer: Peer): void {
    if (!peer.connected) return;
    peer.again = peer.unanswered;
    if (peer.unanswered) return;
    peer.unanswered = true;
    peer.socket.write(Buffer.of(ringKinds.committed));
  }

  /** Tells every peer that this process waits for the write lock. */
  ringWaiting(): void {
    for (const { connected, socket } of this.#peers.values()) {
      if (connected && socket.writableLength === 0) socket.write(Buffer.of(ringKinds.waiting));
    }
  }

  /** Stops listening and lets go of every line; the socket file is gone afterwards. */
  close(): Promise<void> {
    for (const { socket } of this.#peers.values()) socket.destroy();
    this.#peers.clear();
    for (const visitor of this.#visitors) visitor.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

/** Removes the sockets among `paths` on which nobody listens any more; which those were. */
export async function removeStale(paths: readonly string[]): Promise<string[]> {
  const stale = await Promise.all(paths.map(removeIfStale));
  return paths.filter((_, index) => stale[index]);
}

function removeIfStale(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    let isStale = false;
    const socket = connect(path, () => socket.destroy());
    socket.on("error", (error: NodeJS.ErrnoException) => {
      isStale = error.code === "ECONNREFUSED";
      if (isStale) rmSync(path, { force: true });
    });
    socket.on("close", () => resolve(isStale));
  });
}
