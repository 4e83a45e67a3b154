// A broker of a kind that needs no installation, and a look at the processes of any broker.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { seededRandom } from "spillway/testing";
import { startLocal } from "../../src/testing/brokers/broker.ts";
import type { LocalBroker } from "../../src/testing/brokers/local-broker.ts";
import type { Recipe } from "../../src/testing/brokers/recipe.ts";

const script = fileURLToPath(new URL("fixtures/fake-server.ts", import.meta.url));

/** What the server does instead of listening; see fixtures/fake-server.ts. */
export type Behaviour =
  | "serves"
  | "fails"
  | "collides once"
  | "collides always"
  | "is stubborn"
  | "never listens";

/** What a test says about its fake broker. */
export interface FakeOptions {
  readonly behaviour?: Behaviour;
  readonly folder?: string;
  readonly port?: number;
  readonly readyTimeoutMs?: number;
  readonly stopTimeoutMs?: number;
  /** The ports that are chosen follow from it. */
  readonly seed?: number;
}

/** Starts one. */
export function startFake(options: FakeOptions = {}): Promise<LocalBroker> {
  const { behaviour = "serves", folder = tmpdir(), seed } = options;
  const plan = ({ ports: [port] }: { readonly ports: readonly [number, ...number[]] }) => ({
    files: { "fake.conf": "" },
    setUp: [{ name: "set-up", program: "touch", words: ["was-set-up"] }],
    programs: [
      { name: "fake", program: process.execPath, words: [script, `${port}`, behaviour, folder] },
    ] as const,
  });
  const recipe: Recipe = {
    title: "Fake",
    portCount: 1,
    readyTimeoutMs: 30_000,
    leaveSignal: "SIGKILL",
    collision: /address already in use/,
    urlOf: (port) => `fake://127.0.0.1:${port}`,
    find: () => ({ lacks: [], plan }),
    probe: { read: (received) => (received.includes("READY") ? { version: "1.0" } : undefined) },
  };
  const found = { lacks: [] as const, plan };
  const random = seed === undefined ? {} : { random: seededRandom(seed) };
  return startLocal(
    { name: "fake", recipe, found, ...random },
    {
      config: "",
      parentDirectory: folder,
      port: options.port,
      readyTimeoutMs: options.readyTimeoutMs ?? 60_000,
      stopTimeoutMs: options.stopTimeoutMs ?? 30_000,
    },
  );
}

/** A process that has to do with a broker's directory. */
export interface Trace {
  readonly pid: number;
  readonly state: string;
  readonly command: string;
}

/** Every living process that names the directory in its command or environment, or works in it. */
export function processesIn(directory: string): readonly Trace[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return [];
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ");
      const environment = readFileSync(`/proc/${name}/environ`, "utf8");
      const folder = readlinkSync(`/proc/${name}/cwd`);
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      const state = stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
      const isOurs = [command, environment, folder].some((text) => text.includes(directory));
      return isOurs && state !== "Z" ? [{ pid: Number(name), state, command }] : [];
    } catch {
      // It has ended meanwhile.
      return [];
    }
  });
}
