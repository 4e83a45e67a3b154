/**
 * Runs registered tests, one after the other, as node:test does: hooks around them, a context for
 * each, and a failure for what throws, rejects, is thrown outside, or waits for what cannot come.
 * A test may run any number of times. Knows nothing of mutants but the name of the current test.
 */
import {
  isSkipped,
  type Body,
  type Hooks,
  type RegisteredTest,
  type Suite,
  type TestOptions,
} from "./registered-tests.ts";

/** What one run of a test came to. */
export interface TestOutcome {
  readonly id: string;
  readonly name: string;
  readonly durationMs: number;
  readonly status: "passed" | "failed" | "skipped";
  /** Why it failed. */
  readonly message?: string;
  /** It failed by an error that no test awaited. */
  readonly stray?: boolean;
}

/** How to run tests. */
export interface RunOptions {
  /** Ends with the first test that fails. */
  readonly bail: boolean;
  /** Called with the id of the test that begins. */
  readonly onTest: (id: string) => void;
}

class Skipped extends Error {}

/** Taken before a test can replace it. */
const { setTimeout, clearTimeout } = globalThis;

/** Errors that nothing awaited, and the end of everything that could still happen, fail this. */
let failCurrent: ((error: unknown, stray: boolean) => void) | undefined;
let lateError: { readonly error: unknown } | undefined;

/** From now on, what nobody awaits fails the test that runs. */
export function catchStrayErrors(): void {
  const stray = (error: unknown): void => {
    if (failCurrent === undefined) lateError ??= { error };
    else failCurrent(error, true);
  };
  process.on("uncaughtException", stray);
  process.on("unhandledRejection", stray);
  process.on("beforeExit", () => {
    failCurrent?.(new Error("the test waits, and nothing can happen any more"), false);
  });
}

/** Runs `tests` in this order; a suite is closed when the next test is not in it. */
export async function runTests(
  tests: readonly RegisteredTest[],
  { bail, onTest }: RunOptions,
): Promise<TestOutcome[]> {
  const outcomes: TestOutcome[] = [];
  const open: Suite[] = [];
  const close = async (until: readonly Suite[]): Promise<void> => {
    while (open.length > 0 && open.at(-1) !== until[open.length - 1]) {
      const suite = open.pop();
      if (suite !== undefined) await guarded(() => runHooks([suite], "after", {}));
    }
  };
  for (const [index, test] of tests.entries()) {
    const suites = suitesOf(test);
    const startedAt = performance.now();
    const fail = ({ error, stray }: Failed): void => {
      const durationMs = performance.now() - startedAt;
      const { id, name } = test;
      outcomes.push({ id, name, durationMs, status: "failed", message: textOf(error), stray });
    };
    onTest(test.id);
    const failed = await guarded(async () => {
      await close(suites);
      for (const suite of suites.slice(open.length)) {
        open.push(suite);
        await runHooks([suite], "before", {});
      }
      return runOne(test, suites);
    });
    const next = tests[index + 1];
    const closing = await guarded(() => close(next === undefined ? [] : suitesOf(next)));
    if (failed?.error instanceof Skipped) {
      outcomes.push({ id: test.id, name: test.name, durationMs: 0, status: "skipped" });
    } else if (failed !== undefined) fail(failed);
    else if (closing !== undefined) fail(closing);
    else {
      const durationMs = performance.now() - startedAt;
      outcomes.push({ id: test.id, name: test.name, durationMs, status: "passed" });
    }
    if (bail && outcomes.at(-1)?.status === "failed") break;
  }
  await close([]);
  return outcomes;
}

function suitesOf({ suite }: RegisteredTest): Suite[] {
  const suites = [suite];
  for (let at = suite.parent; at !== undefined; at = at.parent) suites.unshift(at);
  return suites;
}

async function runOne(test: RegisteredTest, suites: readonly Suite[]): Promise<void> {
  const { body, options, suite } = test;
  if (suite.skipped || isSkipped(options) || body === undefined) throw new Skipped();
  await runBody(test.name, options, body, suites);
}

/** One test or subtest, with the hooks around each test and its own hooks behind it. */
async function runBody(
  name: string,
  options: TestOptions,
  body: Body,
  suites: readonly Suite[],
): Promise<void> {
  const afters: Body[] = [];
  const abort = new AbortController();
  const context = {
    name,
    fullName: name,
    signal: abort.signal,
    after: (hook: Body) => afters.push(hook),
    diagnostic: () => undefined,
    skip: () => {
      throw new Skipped();
    },
    test: async (title: string, ...rest: [Body] | [TestOptions, Body]) => {
      const inner = rest.length === 1 ? {} : rest[0];
      const subtest = rest.length === 1 ? rest[0] : rest[1];
      if (!isSkipped(inner)) await runBody(title, inner, subtest, suites);
    },
  };
  try {
    await runHooks(suites, "beforeEach", context);
    await within(options.timeout, () => call(body, context));
  } finally {
    abort.abort();
    await runHooks(suites.toReversed(), "afterEach", context);
    for (const each of afters) await call(each, context);
  }
}

async function runHooks(
  suites: readonly Suite[],
  kind: keyof Hooks,
  context: object,
): Promise<void> {
  for (const { hooks } of suites) for (const each of hooks[kind]) await call(each, context);
}

async function call(body: Body, context: object): Promise<void> {
  await body(context as never);
}

async function within(limitMs: number | undefined, work: () => Promise<void>): Promise<void> {
  if (limitMs === undefined) return work();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${limitMs} ms`)), limitMs);
  });
  try {
    await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}

interface Failed {
  readonly error: unknown;
  readonly stray: boolean;
}

/** The failure of `work`, or of anything that nobody awaited meanwhile. */
async function guarded(work: () => Promise<void>): Promise<Failed | undefined> {
  if (lateError !== undefined) {
    const { error } = lateError;
    lateError = undefined;
    return { error, stray: true };
  }
  return new Promise((resolve) => {
    failCurrent = (error, stray) => resolve({ error, stray });
    work().then(
      () => resolve(undefined),
      (error: unknown) => resolve({ error, stray: false }),
    );
  }).then((failed) => {
    failCurrent = undefined;
    return failed as Failed | undefined;
  });
}

function textOf(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return text.slice(0, 400);
}
