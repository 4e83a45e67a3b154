// Every row of the table of outcomes, with a process that is killed exactly at its crash point: one
// process holds all services that pass the point, each in its own group. Without a crash the same
// services run on both engines.
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { createBus } from "spillway";
import { embedded } from "spillway/embedded";
import { memory } from "spillway/memory";
import { keysOf, nameOf, type Point, points, services } from "./outcomes/combinations.ts";
import { type Evidence, evidenceOf, faultsOf } from "./outcomes/evidence.ts";
import { done, type Note, work } from "./outcomes/messages.ts";
import { outcomesAt, refusedServices, rowOf } from "./outcomes/outcome-table.ts";
import { policyOf } from "./outcomes/policies.ts";
import { ProcessRun } from "./outcomes/process-run.ts";

const limit = { timeout: 120_000 };
const fixture = new URL("./fixtures/outcomes.ts", import.meta.url);
const crashPoints = keysOf(points).filter((point) => point !== "never");

function directoryFor(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "spillway-outcomes-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function started(context: TestContext, ...words: readonly string[]): ChildProcess {
  const child = fork(fixture, words);
  context.after(() => child.kill("SIGKILL"));
  return child;
}

/** A test for each row of a point. */
async function compare(context: TestContext, point: Point, evidence: Evidence): Promise<void> {
  for (const [service, outcome] of outcomesAt(point)) {
    await context.test(service.name, () => {
      assert.deepEqual(faultsOf(service, outcome, evidence), []);
    });
  }
}

for (const point of crashPoints) {
  test(`killed: ${nameOf(point)}`, limit, async (context) => {
    const directory = directoryFor(context);
    const file = join(directory, "notes.jsonl");
    // Where nothing is called, nothing is noted.
    writeFileSync(file, "");
    const first = started(context, directory, point, "1");
    const ended = once(first, "exit");
    await Promise.race([once(first, "message"), ended]);
    assert.equal(first.exitCode, null, "the first process did not come to the point");
    first.kill("SIGKILL");
    await ended;
    const second = started(context, directory, point, "2");
    await once(second, "exit");
    assert.equal(second.exitCode, 0, "the second process did not come to its end");
    const lines = readFileSync(file, "utf8").split("\n").filter(Boolean);
    const notes = lines.map((line) => JSON.parse(line) as Note);
    const transport = embedded({ directory: join(directory, "journal") });
    await using bus = await createBus({ name: "test", transport, channels: [work, done] });
    await compare(context, point, await evidenceOf(bus, notes));
  });
}

const engines = [
  () => memory(),
  (context: TestContext) => embedded({ directory: directoryFor(context) }),
];

for (const engine of engines) {
  test("without a crash", limit, async (context) => {
    const transport = engine(context);
    await context.test(transport.name, limit, async (inner) => {
      const notes: Note[] = [];
      const run = await ProcessRun.start({
        transport,
        services: outcomesAt("never").map(([service]) => service),
        point: "never",
        life: 1,
        note: (note) => notes.push(note),
      });
      await run.ended();
      await compare(inner, "never", await evidenceOf(run.bus, notes));
      await run.bus.close();
    });
  });

  test("what keeps a message is refused at most once", async (context) => {
    await using bus = await createBus({ name: "test", transport: engine(context) });
    for (const service of refusedServices) {
      const { name: group, order, delivery, action } = service;
      assert.equal(delivery, "at-most-once");
      const options = { group, order, delivery, errors: policyOf(action, () => undefined) };
      const row = rowOf(service, "never");
      const wanted = { code: row.kind === "refused" ? row.code : "none" };
      await assert.rejects(
        bus.subscribe(work, options, async () => undefined),
        wanted,
      );
    }
  });
}

test("every combination has a row; no crash point is passed by nobody", () => {
  assert.equal(services.length, 2 * 3 * 7);
  for (const point of keysOf(points)) assert.ok(outcomesAt(point).length > 0, point);
  for (const service of services) {
    const kinds = new Set(keysOf(points).map((point) => rowOf(service, point).kind));
    const isRefused = kinds.has("refused");
    assert.equal(isRefused, kinds.size === 1, service.name);
    assert.equal(isRefused, !kinds.has("outcome"), service.name);
  }
});
