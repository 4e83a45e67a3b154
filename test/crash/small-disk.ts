// A disk that is full when a test says so: a small tmpfs, with one large file beside whatever the
// test keeps there. Must run in a mount namespace of its own (see loop-disk.ts), so that nothing
// stays mounted. Knows nothing of journals.
import { spawnSync } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { inOwnNamespace, run } from "./loop-disk.ts";

const blockBytes = 4_096;

/** Why this machine cannot mount a tmpfs; undefined where it can. Tried, not guessed. */
export function whyNoSmallDisk(folder: string): string | undefined {
  if (process.platform !== "linux") return "mounting a tmpfs needs Linux";
  if (process.getuid?.() !== 0) return "mounting a tmpfs needs root";
  const point = mkdtempSync(join(folder, "spillway-probe-"));
  const words = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", point];
  const probe = spawnSync(...inOwnNamespace(words), { encoding: "utf8" });
  rmSync(point, { recursive: true, force: true });
  if (probe.status === 0) return undefined;
  return `a tmpfs cannot be mounted here: ${probe.error?.message ?? probe.stderr.trim()}`;
}

/** See the head of this file. */
export class SmallDisk {
  readonly point: string;
  readonly #filler: string;

  private constructor(point: string) {
    this.point = point;
    this.#filler = join(point, "filler");
  }

  /** A new, empty disk of so many MiB. */
  static mount(folder: string, mebibytes: number): SmallDisk {
    const point = mkdtempSync(join(folder, "disk-"));
    mkdirSync(point, { recursive: true });
    run("mount", "-t", "tmpfs", "-o", `size=${mebibytes}m`, "tmpfs", point);
    return new SmallDisk(point);
  }

  /** Bytes that are free. */
  get free(): number {
    const { bavail, bsize } = statfsSync(this.point);
    return bavail * bsize;
  }

  /** Takes what is free but for so many bytes, whoever else takes or gives some meanwhile. */
  fill(leaveBytes = 0): void {
    const file = openSync(this.#filler, "a");
    const block = Buffer.alloc(blockBytes, 1);
    try {
      while (this.free >= leaveBytes + blockBytes) writeSync(file, block);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    } finally {
      closeSync(file);
    }
  }

  /** Gives back everything that was taken. */
  empty(): void {
    truncateSync(this.#filler, 0);
  }
}
