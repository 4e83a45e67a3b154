// Schedules on virtual time: due times, catching up, changes of the definition, removal, failures.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import {
  type Bus,
  createBus,
  defineEvent,
  type Firing,
  type ScheduleOptions,
  type Transport,
} from "spillway";
import { embedded } from "spillway/embedded";
import { memory } from "spillway/memory";
import { VirtualClock } from "spillway/testing";
import { z } from "zod";
import { collect, directoryFor } from "../bus-subjects.ts";

const Fired = defineEvent("test.fired", {
  data: z.object({ at: z.string(), late: z.number(), by: z.string() }),
});
const minuteMs = 60_000;
const hourMs = 3_600_000;

/** A world of one schedule on a clock that the test drives. */
class World {
  readonly clock: VirtualClock;
  readonly open: () => Transport;
  readonly buses: Bus[] = [];

  constructor(open: () => Transport, startsAt: string) {
    this.clock = new VirtualClock({ wallMs: Date.parse(startsAt) });
    this.open = open;
  }

  async bus(name = "clockwork"): Promise<Bus> {
    const bus = await createBus({ name, transport: this.open(), clock: this.clock });
    this.buses.push(bus);
    return bus;
  }

  async schedule(bus: Bus, options: ScheduleOptions, by = "first") {
    const schedule = await bus.schedule("nightly", options, (firing: Firing) =>
      Fired.message({
        at: new Date(firing.dueAtMs).toISOString(),
        late: firing.firedAtMs - firing.dueAtMs,
        by,
      }),
    );
    await this.pass(0);
    return schedule;
  }

  async pass(durationMs: number): Promise<void> {
    await this.clock.advance(durationMs);
    await this.clock.advance(50);
  }

  async firings(bus: Bus): Promise<string[]> {
    return (await collect(bus.read(Fired))).map(({ data }) => data.at.slice(0, 16));
  }

  async close(): Promise<void> {
    for (const bus of this.buses.splice(0)) await this.closed(bus);
  }

  async closed(bus: Bus): Promise<void> {
    await this.settled(bus.close());
  }

  /** Lets time pass until a promise has settled. */
  async settled(promise: Promise<unknown>): Promise<void> {
    let isSettled = false;
    const settle = (): void => void (isSettled = true);
    promise.then(settle, settle);
    while (!isSettled) await this.clock.advance(20);
    await promise;
  }
}

function onEach(
  name: string,
  startsAt: string,
  run: (world: World, context: TestContext) => Promise<void>,
): void {
  const open = (): [string, () => Transport][] => {
    const directory = directoryFor();
    return [
      ["memory", () => memory()],
      ["embedded", () => embedded({ directory, engine: "direct" })],
    ];
  };
  for (const at of [0, 1]) {
    test(`${["memory", "embedded"][at]}: ${name}`, { timeout: 120_000 }, async (context) => {
      const world = new World((open()[at] as [string, () => Transport])[1], startsAt);
      try {
        await run(world, context);
      } finally {
        await world.close();
      }
    });
  }
}

onEach(
  "fires once where an hour is skipped, at the jump",
  "2026-03-29T00:59:30Z",
  async (world) => {
    const bus = await world.bus();
    const options = { cron: "30 2 * * *", timeZone: "Europe/Zurich" };
    const schedule = await world.schedule(bus, options);
    assert.equal(await schedule.nextAtMs(), Date.parse("2026-03-29T01:00:00Z"));
    await world.pass(2 * minuteMs);
    assert.deepEqual(await world.firings(bus), ["2026-03-29T01:00"]);
    assert.equal(await schedule.nextAtMs(), Date.parse("2026-03-30T00:30:00Z"));
  },
);

onEach("fires at each due time, once", "2026-01-01T00:00:30Z", async (world) => {
  const bus = await world.bus();
  await world.schedule(bus, { cron: "* * * * *" });
  for (let minute = 0; minute < 5; minute++) await world.pass(minuteMs);
  const expected = [1, 2, 3, 4, 5].map((minute) => `2026-01-01T00:0${minute}`);
  assert.deepEqual(await world.firings(bus), expected);
});

for (const [catchUp, expected] of [
  ["none", []],
  ["last", ["2026-01-01T09:30"]],
  ["all", ["2026-01-01T09:10", "2026-01-01T09:20", "2026-01-01T09:30"]],
] as const) {
  test(`catchUp "${catchUp}" after a night without a process`, {
    timeout: 120_000,
  }, async () => {
    const directory = directoryFor();
    const open = () => embedded({ directory, engine: "direct" });
    const world = new World(open, "2026-01-01T00:09:30Z");
    const options = { cron: "*/10 * * * *", catchUp, catchUpMax: 3 };
    const before = await world.bus();
    await world.schedule(before, options);
    await world.pass(minuteMs);
    assert.deepEqual(await world.firings(before), ["2026-01-01T00:10"]);
    await world.closed(before);
    await world.clock.advance(9 * hourMs + 28 * minuteMs);
    const after = await world.bus();
    await world.schedule(after, options);
    await world.pass(1_000);
    assert.deepEqual(await world.firings(after), ["2026-01-01T00:10", ...expected]);
    // And then it goes on as ever.
    await world.pass(2 * minuteMs);
    assert.equal((await world.firings(after)).at(-1), "2026-01-01T09:40");
    await world.closed(after);
  });
}

test("a definition that changed counts from then on", { timeout: 120_000 }, async () => {
  const directory = directoryFor();
  const world = new World(() => embedded({ directory, engine: "direct" }), "2026-01-01T00:00:30Z");
  const before = await world.bus();
  await world.schedule(before, { cron: "* * * * *" });
  await world.pass(minuteMs);
  await world.closed(before);
  const after = await world.bus();
  const schedule = await world.schedule(after, { cron: "45 * * * * *" }, "second");
  await world.pass(2 * minuteMs);
  assert.deepEqual(
    await world.firings(after),
    ["2026-01-01T00:01:00", "2026-01-01T00:01:45", "2026-01-01T00:02:45"].map((each) =>
      each.slice(0, 16),
    ),
  );
  assert.equal(await schedule.nextAtMs(), Date.parse("2026-01-01T00:03:45Z"));
  await world.closed(after);
});

onEach(
  "what is removed fires no more, until it is scheduled again",
  "2026-01-01T00:00:30Z",
  async (world) => {
    const bus = await world.bus();
    const schedule = await world.schedule(bus, { cron: "* * * * *" });
    await world.pass(minuteMs);
    const removed = schedule.remove();
    await world.settled(removed);
    await world.pass(2 * minuteMs);
    assert.deepEqual(await world.firings(bus), ["2026-01-01T00:01"]);
    await world.schedule(bus, { cron: "* * * * *" });
    await world.pass(minuteMs);
    assert.deepEqual(await world.firings(bus), ["2026-01-01T00:01", "2026-01-01T00:04"]);
  },
);

onEach(
  "a firing that fails is tried again, and holds up no later one",
  "2026-01-01T00:00:30Z",
  async (world) => {
    const bus = await world.bus();
    let calls = 0;
    const schedule = await bus.schedule(
      "nightly",
      { cron: "* * * * *" },
      ({ dueAtMs, firedAtMs }) => {
        calls++;
        if (dueAtMs === Date.parse("2026-01-01T00:01:00Z")) throw new Error("broken");
        const at = new Date(dueAtMs).toISOString();
        return Fired.message({ at, late: firedAtMs - dueAtMs, by: "" });
      },
    );
    for (let minute = 0; minute < 3; minute++) await world.pass(minuteMs);
    assert.deepEqual(await world.firings(bus), ["2026-01-01T00:02", "2026-01-01T00:03"]);
    assert.equal(calls, 5 + 2);
    const { channels } = await bus.stats();
    const letters = channels.find(({ channel }) => channel === `${schedule.channel}.dead-letters`);
    assert.equal(letters?.depth, 1);
  },
);

test("a name, rule or function that cannot be used is refused", async () => {
  await using bus = await createBus({ name: "clockwork", transport: memory() });
  const fire = (): undefined => undefined;
  const refusals: [Promise<unknown>, RegExp][] = [
    [bus.schedule("Nightly", { cron: "0 * * * *" }, fire), /schedule name "Nightly"/],
    [bus.schedule("a", { cron: "never" }, fire), /cron "never"/],
    [bus.schedule("b", { cron: "0 0 30 2 *" }, fire), /due at some time/],
    [bus.schedule("c", { cron: "0 * * * *", timeZone: "Nowhere" }, fire), /"Nowhere"/],
    [bus.schedule("d", { cron: "0 * * * *", catchUp: "some" as "all" }, fire), /catchUp is "some"/],
    [bus.schedule("e", { cron: "0 * * * *", catchUpMax: 1_001 }, fire), /catchUpMax is 1001/],
    [bus.schedule("f", { cron: "0 * * * *" }, undefined as never), /no function/],
  ];
  for (const [refused, message] of refusals) await assert.rejects(refused, { message });
  await bus.schedule("twice", { cron: "0 * * * *" }, fire);
  await assert.rejects(bus.schedule("twice", { cron: "0 * * * *" }, fire), /another name/);
});
