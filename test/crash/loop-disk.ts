// A disk that can lose its power: an ext4 file system on a loop-mounted image file. A copy of the
// image holds what the file system had written to its device, and not what only the page cache had:
// mounted elsewhere, it is the disk after a power cut. Knows nothing of journals. Must run in a
// mount namespace of its own (see runInOwnNamespace), so that nothing stays mounted.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const freezeMs = 20_000;

/** Runs a command to its end; what it printed, or an error that says why it failed. */
export function run(command: string, ...words: readonly string[]): string {
  const result = spawnSync(command, words, { encoding: "utf8" });
  if (result.status === 0) return result.stdout.trim();
  const why = result.error?.message ?? result.stderr.trim();
  throw new Error(`${command} ${words.join(" ")}: ${why}`);
}

/** The command line that runs `words` where mounts are seen by nobody else and end with it. */
export function inOwnNamespace(words: readonly string[]): readonly [string, readonly string[]] {
  return ["unshare", ["--mount", "--propagation", "private", "--", ...words]];
}

/**
 * Runs a script with a plan in a process and a mount namespace of its own: everything that it
 * mounted is gone when it has ended, whatever ended it. Rejects when it fails.
 */
export async function runInOwnNamespace(
  script: string,
  plan: object,
  onMessage: (message: unknown) => void,
): Promise<void> {
  const flags = ["--conditions=spillway:source", "--disable-warning=ExperimentalWarning"];
  const words = [process.execPath, ...flags, script, JSON.stringify(plan)];
  // A process of its own: it must not take itself for a part of a test run.
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
  const child = spawn(...inOwnNamespace(words), {
    stdio: ["ignore", "inherit", "pipe", "ipc"],
    env: environment,
  });
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (errors += text));
  child.on("message", onMessage);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  if (code !== 0) throw new Error(`${script} ended with ${code}:\n${errors.slice(-4_000)}`);
}

/** Why this machine cannot mount images; undefined where it can. Tried, not guessed. */
export function whyNoLoopDisk(folder: string): string | undefined {
  if (process.platform !== "linux") return "loop mounts need Linux";
  if (process.getuid?.() !== 0) return "loop mounts need root";
  const own = mkdtempSync(join(folder, "spillway-probe-"));
  const image = join(own, "probe.img");
  const point = join(own, "probe");
  const script =
    `truncate -s 8M "${image}" && mkfs.ext4 -q -F "${image}" && mkdir -p "${point}" && ` +
    `mount -o loop "${image}" "${point}" && umount "${point}"`;
  const probe = spawnSync(...inOwnNamespace(["sh", "-c", script]), { encoding: "utf8" });
  rmSync(own, { recursive: true, force: true });
  if (probe.status === 0) return undefined;
  return `an image cannot be mounted here: ${probe.error?.message ?? probe.stderr.trim()}`;
}

/** One image file and where it is mounted. */
export class LoopDisk {
  readonly image: string;
  readonly point: string;
  #device = "";

  private constructor(image: string, point: string) {
    this.image = image;
    this.point = point;
  }

  /** A new, empty file system in `<folder>/<name>.img`, mounted at `<folder>/<name>`. */
  static create(folder: string, name: string, mebibytes: number): LoopDisk {
    run("truncate", "-s", `${mebibytes}M`, join(folder, `${name}.img`));
    return LoopDisk.format(folder, name);
  }

  /** The same in a file that is there already. */
  static format(folder: string, name: string): LoopDisk {
    // Nothing is left to be initialised in the background, where it would hide in the figures.
    const atOnce = "nodiscard,lazy_itable_init=0,lazy_journal_init=0";
    const image = join(folder, `${name}.img`);
    run("mkfs.ext4", "-q", "-F", "-J", "size=4", "-E", atOnce, image);
    return LoopDisk.mount(folder, name);
  }

  /** The file system in `<folder>/<name>.img`, mounted at `<folder>/<name>`. */
  static mount(folder: string, name: string): LoopDisk {
    const disk = new LoopDisk(join(folder, `${name}.img`), join(folder, name));
    disk.#mount();
    return disk;
  }

  /**
   * The disk after a power cut now, mounted at `<folder>/<name>`: the file system recovers there.
   * Whoever writes must be stopped (see freeze). Undefined where the device was written during the
   * copy, which would then mix two moments.
   */
  cut(folder: string, name: string): LoopDisk | undefined {
    const before = this.#writes();
    run("cp", "--sparse=auto", this.image, join(folder, `${name}.img`));
    if (before.inFlight !== 0 || this.#writes().done !== before.done) return undefined;
    return LoopDisk.mount(folder, name);
  }

  /** Forces everything to the disk; only for what is to be there before a test begins. */
  sync(): void {
    run("sync", "--file-system", this.point);
  }

  /** Unmounts and removes the image; every process that works there must have ended. */
  remove(): void {
    this.unmount();
    rmSync(this.image);
  }

  /** Unmounts and leaves the image. */
  unmount(): void {
    run("umount", this.point);
    rmSync(this.point, { recursive: true });
  }

  #mount(): void {
    mkdirSync(this.point, { recursive: true });
    this.#device = run("losetup", "--find", "--show", this.image);
    try {
      // The options that a machine has by default; data=ordered, a commit every 5 s, barriers.
      run("mount", "-t", "ext4", this.#device, this.point);
    } finally {
      // Takes effect when the file system is no longer mounted.
      run("losetup", "-d", this.#device);
    }
  }

  /** What the device was asked to write or to flush so far. */
  #writes(): { readonly done: string; readonly inFlight: number } {
    const name = this.#device.replace("/dev/", "");
    const words = readFileSync(`/sys/block/${name}/stat`, "utf8").trim().split(/\s+/);
    // Writes completed, sectors written, discards and flushes; see the kernel's block/stat.
    const done = [4, 6, 11, 15].map((index) => words[index] ?? "").join(" ");
    return { done, inFlight: Number(words[8]) };
  }
}

/** Stops processes as one does before the copy; returns when all of their threads stand still. */
export async function freeze(pids: readonly number[]): Promise<void> {
  for (const pid of pids) process.kill(pid, "SIGSTOP");
  for (let waitedMs = 0; !pids.every(standsStill); waitedMs++) {
    if (waitedMs >= freezeMs) throw new Error(`not all of ${pids.join()} can be stopped`);
    await pause(1);
  }
}

/** Lets stopped processes go on. */
export function thaw(pids: readonly number[]): void {
  for (const pid of pids) process.kill(pid, "SIGCONT");
}

/** Whether all threads of a process are stopped, or it has ended. */
export function standsStill(pid: number): boolean {
  try {
    const states = readdirSync(`/proc/${pid}/task`).map((task) => {
      const text = readFileSync(`/proc/${pid}/task/${task}/stat`, "utf8");
      return text.slice(text.lastIndexOf(")") + 2)[0] ?? "";
    });
    return states.every((state) => "TtZX".includes(state));
  } catch {
    // It ended meanwhile.
    return true;
  }
}
