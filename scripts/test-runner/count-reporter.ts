/**
 * A node:test reporter that writes one JSON line per finished test.
 * The runner adds these lines up; people read the spec reporter beside it.
 * A suite, or a test that failed only because of its subtests, is not counted.
 */
import type { TestEvent } from "node:test/reporters";

/** One finished test. */
export interface CountedTest {
  readonly outcome: "passed" | "failed" | "skipped";
  readonly name: string;
}

/** Turns the runner's event stream into JSON lines. */
export async function* countReporter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    if (event.type !== "test:pass" && event.type !== "test:fail") continue;
    if (event.data.details.type === "suite") continue;
    if (event.type === "test:fail" && onlySubtestsFailed(event.data.details.error)) continue;
    yield `${JSON.stringify({ outcome: outcomeOf(event), name: event.data.name })}\n`;
  }
}

// node:test loads a reporter by its module's default export.
export { countReporter as default };

function outcomeOf(event: TestEvent & { type: "test:pass" | "test:fail" }): CountedTest["outcome"] {
  const { skip, todo } = event.data;
  if (skip !== undefined && skip !== false) return "skipped";
  if (todo !== undefined && todo !== false) return "skipped";
  return event.type === "test:pass" ? "passed" : "failed";
}

function onlySubtestsFailed(error: unknown): boolean {
  return (
    typeof error === "object" &&
    error !== null &&
    "failureType" in error &&
    error.failureType === "subtestsFailed"
  );
}
