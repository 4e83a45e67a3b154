/**
 * Command line of the test runner: suite names, path filters and switches.
 * Knows the list of suites and how each is scheduled; runs nothing.
 */

/** One folder of test files and the way its files may share the machine. */
export interface Suite {
  readonly name: string;
  readonly root: string;
  /** An exclusive suite runs one file at a time, with nothing else beside it. */
  readonly exclusive: boolean;
  /** How long one of its files may take. */
  readonly timeoutMs: number;
  /** The same in a long run. */
  readonly longTimeoutMs: number;
}

const minuteMs = 60_000;

const suite = (name: string, more: Partial<Suite> = {}): Suite => ({
  name,
  root: `test/${name}`,
  exclusive: false,
  timeoutMs: 3 * minuteMs,
  longTimeoutMs: 60 * minuteMs,
  ...more,
});

/** Every suite, in the order in which they run. */
export const suites: readonly Suite[] = [
  suite("tidy"),
  suite("unit", { root: "src" }),
  // The suite of the embedded transport takes two minutes beside others.
  suite("contract", { timeoutMs: 5 * minuteMs }),
  suite("types"),
  // Seconds on a machine of its own; each planted bug is a copy of the sources and a process.
  suite("simulation", { timeoutMs: 15 * minuteMs }),
  // Copies of journals are made at the lowest priority, and wait for everything else.
  suite("integration", { timeoutMs: 5 * minuteMs }),
  suite("brokers", { timeoutMs: 8 * minuteMs }),
  suite("docs"),
  suite("examples", { root: "examples" }),
  // Packages come from npm, and three test runners run.
  suite("package", { exclusive: true, timeoutMs: 10 * minuteMs }),
  // Thousands of changes of the sources meet their tests in a long run.
  suite("mutation", { exclusive: true, longTimeoutMs: 24 * 60 * minuteMs }),
  // Its files start hundreds of processes and wait for real leases to run out.
  suite("crash", { exclusive: true, timeoutMs: 10 * minuteMs }),
];

/** What the caller asked for. */
export interface Options {
  readonly suites: readonly Suite[];
  readonly filters: readonly string[];
  readonly list: boolean;
  readonly long: boolean;
  readonly verbose: boolean;
  /** Replaces the limit of every suite. */
  readonly timeoutMs: number | undefined;
}

/** Reads the arguments after the script's name; throws on an unknown switch. */
export function parseOptions(words: readonly string[]): Options {
  const chosen: Suite[] = [];
  const filters: string[] = [];
  const switches = new Set<string>();
  let timeoutMs: number | undefined;
  for (const word of words) {
    const named = suites.find((candidate) => candidate.name === word);
    if (named) chosen.push(named);
    else if (/^--timeout=\d+$/.test(word)) timeoutMs = Number(word.slice(10)) * 1000;
    else if (["--list", "--long", "--verbose"].includes(word)) switches.add(word);
    else if (word.startsWith("-")) throw new Error(`unknown switch ${word}: ${usage}`);
    else filters.push(word.replace(/^\.\//, ""));
  }
  const long = switches.has("--long");
  return {
    suites: chosen.length > 0 ? suites.filter((one) => chosen.includes(one)) : suites,
    filters,
    list: switches.has("--list"),
    long,
    verbose: switches.has("--verbose"),
    timeoutMs,
  };
}

const usage = "use [suite…] [part of a path…] [--list] [--long] [--verbose] [--timeout=seconds]";
