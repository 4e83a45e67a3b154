/**
 * Stands in for `node:test` in the process that runs tests against mutants: what a test file
 * registers is kept as a tree, to be run as often as there are mutants. Knows how tests are
 * declared, and neither runs one nor knows of mutants.
 */

/** The body of a test or a hook. */
export type Body = (context: never) => unknown;

/** What node:test takes between a test's name and its body. */
export interface TestOptions {
  readonly skip?: boolean | string;
  readonly todo?: boolean | string;
  readonly timeout?: number;
}

/** The hooks of a file or of a `describe`. */
export interface Hooks {
  readonly before: Body[];
  readonly after: Body[];
  readonly beforeEach: Body[];
  readonly afterEach: Body[];
}

/** A file or a `describe`; the outermost one is the file. */
export interface Suite {
  readonly name: string;
  readonly parent: Suite | undefined;
  readonly hooks: Hooks;
  readonly skipped: boolean;
}

/** One test, with the suites around it. */
export interface RegisteredTest {
  /** File and names, as nobody else has them. */
  readonly id: string;
  readonly name: string;
  readonly suite: Suite;
  readonly options: TestOptions;
  readonly body: Body | undefined;
}

/** Every test of the files that were imported since, in the order of their declaration. */
export const registered: RegisteredTest[] = [];

const ids = new Set<string>();
let current: Suite | undefined;

/** Imports a test file: what it declares is registered under its path. */
export async function registerFile(path: string, load: () => Promise<unknown>): Promise<void> {
  current = suiteOf(path, undefined, false);
  try {
    await load();
  } finally {
    current = undefined;
  }
}

/** Forgets the tests for which this is true. */
export function leaveOut(isLeftOut: (test: RegisteredTest) => boolean): void {
  registered.splice(0, registered.length, ...registered.filter((test) => !isLeftOut(test)));
}

function suiteOf(name: string, parent: Suite | undefined, skipped: boolean): Suite {
  const hooks = { before: [], after: [], beforeEach: [], afterEach: [] };
  return { name, parent, hooks, skipped };
}

function here(): Suite {
  if (current === undefined) throw new Error("a test was declared outside the import of a file");
  return current;
}

type Declaration = [name: string, body?: Body] | [name: string, options: TestOptions, body?: Body];

function partsOf(words: Declaration): { name: string; options: TestOptions; body?: Body } {
  const [name, second, third] = words;
  const options = typeof second === "object" ? second : {};
  const body = typeof second === "function" ? second : third;
  return body === undefined ? { name, options } : { name, options, body };
}

/** Declares a test. */
export function test(...words: Declaration): void {
  const { name, options, body } = partsOf(words);
  const suite = here();
  const path = [name];
  for (let at: Suite | undefined = suite; at !== undefined; at = at.parent) path.unshift(at.name);
  const title = path.join(" > ");
  let id = title;
  for (let again = 2; ids.has(id); again++) id = `${title} (${again})`;
  ids.add(id);
  registered.push({ id, name: path.slice(1).join(" > "), suite, options, body });
}

/** Declares tests that belong together; its body runs at once. */
export function describe(...words: Declaration): void {
  const { name, options, body } = partsOf(words);
  const outer = here();
  const skipped = outer.skipped || isSkipped(options);
  current = suiteOf(name, outer, skipped);
  try {
    const returned = body?.(undefined as never);
    if (returned instanceof Promise) throw new Error(`describe("${name}") must not be async`);
  } finally {
    current = outer;
  }
}

/** Whether a test or suite with these options does not run. */
export function isSkipped({ skip, todo }: TestOptions): boolean {
  return [skip, todo].some((each) => each !== undefined && each !== false);
}

const hook =
  (kind: keyof Hooks) =>
  (body: Body): void => {
    here().hooks[kind].push(body);
  };

/** Declares a hook of the file or `describe` around it. */
export const before = hook("before");
/** As `before`, behind its last test. */
export const after = hook("after");
/** As `before`, before each of its tests. */
export const beforeEach = hook("beforeEach");
/** As `before`, behind each of its tests. */
export const afterEach = hook("afterEach");

/** The real one: it only replaces methods. */
export const { mock } = process.getBuiltinModule("node:test");
