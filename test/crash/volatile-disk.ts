// An ext4 file system on a disk with a volatile write cache (volatile-disk-server.ts). At a cut the
// disk stops answering, at any request of the kernel, also between the writes of one sync: whatever
// anybody observes from then on was durable before. Must run in a mount namespace of its own.
import { type ChildProcess, fork, spawnSync } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { inOwnNamespace, LoopDisk, run } from "./loop-disk.ts";
import type { CutAnswer, CutRequest } from "./volatile-disk-server.ts";

/** How long those who were answered before the cut have to tell of it. */
const observeMs = 20;

/** Why this machine cannot serve such a disk; undefined where it can. Tried, not guessed. */
export function whyNoVolatileDisk(folder: string): string | undefined {
  try {
    accessSync("/dev/fuse", constants.R_OK | constants.W_OK);
  } catch {
    return "there is no /dev/fuse";
  }
  const own = mkdtempSync(join(folder, "spillway-probe-"));
  const options = "fd=3,rootmode=40000,user_id=0,group_id=0";
  const script = `exec 3<>/dev/fuse; mount -i -t fuse -o ${options} probe "${own}"`;
  const probe = spawnSync(...inOwnNamespace(["sh", "-c", script]), { encoding: "utf8" });
  rmSync(own, { recursive: true, force: true });
  return probe.status === 0 ? undefined : `FUSE cannot be mounted here: ${probe.stderr.trim()}`;
}

/** See the head of this file. */
export class VolatileDisk {
  readonly #server: ChildProcess;
  readonly #disk: LoopDisk;

  private constructor(server: ChildProcess, disk: LoopDisk) {
    this.#server = server;
    this.#disk = disk;
  }

  /** A new, empty file system, mounted at `<folder>/<name>`. */
  static async create(folder: string, name: string, mebibytes: number): Promise<VolatileDisk> {
    const words = [join(folder, `${name}.img`), `${mebibytes * 1_048_576}`];
    const server = fork(new URL("./volatile-disk-server.ts", import.meta.url), words);
    await told(server);
    return new VolatileDisk(server, LoopDisk.format(folder, name));
  }

  get point(): string {
    return this.#disk.point;
  }

  /** Cuts, into the image `<folder>/<name>.img`; nothing of this disk moves until resume(). */
  async cut(
    folder: string,
    name: string,
    when: Pick<CutRequest, "seed" | "afterRequests">,
  ): Promise<CutAnswer> {
    const request: CutRequest = { path: join(folder, `${name}.img`), ...when };
    this.#server.send(request);
    const answer = (await told(this.#server)) as CutAnswer;
    await pause(observeMs);
    return answer;
  }

  /** Lets the disk go on after a cut. */
  resume(): void {
    this.#server.send("resume");
  }

  /** Unmounts and ends the server; every process that works there must have ended. */
  async remove(): Promise<void> {
    this.#disk.unmount();
    const ended = new Promise((resolve) => this.#server.once("exit", resolve));
    run("umount", this.#disk.image);
    this.#server.kill("SIGKILL");
    await ended;
    rmSync(this.#disk.image);
  }
}

function told(server: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error("the disk's process ended"));
    server.once("exit", ended);
    server.once("message", (message) => {
      server.off("exit", ended);
      resolve(message);
    });
  });
}
