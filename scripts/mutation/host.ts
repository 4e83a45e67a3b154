/**
 * The process that runs tests against mutants: it imports test files once, and then runs those it
 * is asked for with the mutant it is told. The instrumented sources ask the global object which
 * mutant is active; processes and threads that a test starts ask the environment.
 */
import { enableCompileCache, registerHooks } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Coverage, HostAnswer, HostRequest } from "./host-messages.ts";
import { leaveOut, registered, registerFile } from "./registered-tests.ts";
import { catchStrayErrors, runTests } from "./run-tests.ts";

/** What Stryker's instrumented code reads and writes. */
interface Instrumentation {
  activeMutant?: string | undefined;
  currentTestId?: string | undefined;
  hitCount?: number | undefined;
  hitLimit?: number | undefined;
  mutantCoverage?: Coverage;
}

const environmentName = "__STRYKER_ACTIVE_MUTANT__";
const instrumentation: Instrumentation = {};
Object.assign(globalThis, { __stryker__: instrumentation });
/** A mutant of code that runs when it is imported is there from the beginning. */
instrumentation.activeMutant = process.env[environmentName];

const standIn = new URL("registered-tests.ts", import.meta.url).href;
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === "node:test" ? { url: standIn, shortCircuit: true } : next(specifier, context),
});

async function load({ files, leftOut }: HostRequest & { kind: "load" }): Promise<HostAnswer> {
  for (const file of files) {
    await registerFile(file, () => import(pathToFileURL(resolve(file)).href));
  }
  leaveOut(({ name }) => leftOut.some((part) => name.includes(part)));
  return { kind: "loaded" };
}

async function run(request: HostRequest & { kind: "run" }): Promise<HostAnswer> {
  const { tests, bail, mutant, hitLimit } = request;
  const byId = new Map(registered.map((test) => [test.id, test]));
  const chosen = tests?.flatMap((id) => byId.get(id) ?? []) ?? registered;
  activate(mutant);
  instrumentation.hitCount = hitLimit === undefined ? undefined : 0;
  instrumentation.hitLimit = hitLimit;
  // While tests run, they alone keep the process alive: a test that waits for nothing is found.
  process.channel?.unref();
  const onTest = (id: string): void => {
    // What a test leaves running behind itself is still its own.
    instrumentation.currentTestId = id;
    process.send?.({ kind: "began", test: id } satisfies HostAnswer);
  };
  const outcomes = await runTests(chosen, { bail, onTest });
  process.channel?.ref();
  activate(undefined);
  const { hitCount = 0, mutantCoverage = { static: {}, perTest: {} } } = instrumentation;
  const endless = hitLimit !== undefined && hitCount > hitLimit;
  return { kind: "ran", outcomes, endless, coverage: mutantCoverage };
}

function activate(mutant: string | undefined): void {
  instrumentation.activeMutant = mutant;
  if (mutant === undefined) delete process.env[environmentName];
  else process.env[environmentName] = mutant;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

enableCompileCache(resolve(".cache/compile"));
catchStrayErrors();
process.on("message", (request: HostRequest) => {
  const work = request.kind === "load" ? load(request) : run(request);
  work
    .catch((error: unknown): HostAnswer => ({ kind: "failed", message: messageOf(error) }))
    .then((answer) => process.send?.(answer))
    .catch(() => process.exit(1));
});
process.on("disconnect", () => process.exit(0));
