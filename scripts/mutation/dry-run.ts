/**
 * What the run without mutants has shown: how long each test takes and which mutants it reaches.
 * Decides with it which tests a mutant meets, and in which order. It lies in the sandbox, for the
 * processes that did not make the run.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Hits } from "./host-messages.ts";

const path = ".dry-run.json";

/** Of every test, in the order of their declaration. */
export interface KnownTest {
  readonly id: string;
  readonly file: string;
  readonly durationMs: number;
}

/** The tests, what they reach, and which have been good at finding mutants of a file. */
export class DryRun {
  readonly #tests: ReadonlyMap<string, KnownTest>;
  readonly #perTest: Readonly<Record<string, Hits>>;
  readonly #kills = new Map<string, number>();

  constructor(tests: readonly KnownTest[], perTest: Readonly<Record<string, Hits>>) {
    this.#tests = new Map(tests.map((test) => [test.id, test]));
    this.#perTest = perTest;
  }

  /** Keeps it for other processes in this directory. */
  save(): void {
    writeFileSync(path, JSON.stringify([[...this.#tests.values()], this.#perTest]));
  }

  /** The one that was saved in this directory. */
  static read(): DryRun {
    if (!existsSync(path)) throw new Error("no dry run was made here");
    const [tests, perTest] = JSON.parse(readFileSync(path, "utf8")) as [
      KnownTest[],
      Record<string, Hits>,
    ];
    return new DryRun(tests, perTest);
  }

  /** How long a test may take before it counts as one that never ends. */
  limitMs(id: string): number {
    return 4_000 + 10 * (this.#tests.get(id)?.durationMs ?? 0);
  }

  /** The files of these tests. */
  filesOf(ids: readonly string[]): string[] {
    return [...new Set(ids.flatMap((id) => this.#tests.get(id)?.file ?? []))];
  }

  /** The tests that reach any of these mutants; all when none does. */
  reaching(mutants: ReadonlySet<string>): string[] {
    const all = [...this.#tests.keys()];
    const found = all.filter((id) =>
      Object.keys(this.#perTest[id] ?? {}).some((mutant) => mutants.has(mutant)),
    );
    return found.length > 0 ? found : all;
  }

  /** Quick tests, and those that found much in this source file, come first. */
  ordered(ids: readonly string[], source: string): string[] {
    const worth = (id: string): number => {
      const { file = "", durationMs = 0 } = this.#tests.get(id) ?? {};
      const kills = (this.#kills.get(`${source}\0${id}`) ?? 0) + 1;
      const beside = dirname(file) === dirname(source) ? 4 : 1;
      return (kills * beside) / (durationMs + 5);
    };
    return [...ids].sort((a, b) => worth(b) - worth(a));
  }

  /** Remembers that a test found a mutant of a source file. */
  found(id: string, source: string): void {
    const key = `${source}\0${id}`;
    this.#kills.set(key, (this.#kills.get(key) ?? 0) + 1);
  }
}
