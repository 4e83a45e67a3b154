import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import {
  CoreRig,
  HandClock,
  makeDirectory,
  plainUnit,
  removeDirectory,
} from "../../../../test/journal/core-rig.ts";
import { seededRandom } from "../../../kernel/random.ts";
import { VirtualClock } from "../../../testing/virtual-clock.ts";
import { createDirectEngine } from "./direct-engine.ts";
import type { Engine, EngineNotice, EngineOptions, EngineStop } from "./engine.ts";

describe("direct engine", () => {
  let directory: string;
  let clock: VirtualClock;
  let options: EngineOptions;
  beforeEach(() => {
    directory = makeDirectory();
    clock = new VirtualClock();
    const rig = new CoreRig(directory, new HandClock());
    options = { ...rig.options, leaseMs: 3_000 };
    rig.declare("orders");
    rig.close();
  });
  afterEach(() => removeDirectory(directory));

  async function open(): Promise<{ engine: Engine; notices: EngineNotice[] }> {
    const engine = createDirectEngine({ clock, random: seededRandom(1) });
    const notices: EngineNotice[] = [];
    engine.onNotice = (notice) => notices.push(notice);
    await engine.request("open", { options });
    return { engine, notices };
  }

  test("ticks on the given clock: two engines share a group and take over", async () => {
    const first = await open();
    const second = await open();
    const request = { channel: "orders", group: "g", from: "earliest", types: undefined } as const;
    await first.engine.request("join", request);
    await second.engine.request("join", request);
    assert.equal(second.notices.length, 0);
    await clock.advance(400);
    assert.deepEqual(
      first.notices.map((notice) => notice.kind),
      ["granted", "revoke"],
    );
    await first.engine.terminate();
    await clock.advance(400);
    const granted = second.notices.filter((notice) => notice.kind === "granted");
    assert.equal(granted.flatMap((notice) => notice.grants).length, 4);
    await second.engine.request("close", {});
    assert.equal(clock.timersWaiting, 0);
  });

  test("who hears a notice may answer it with a request at once", async () => {
    const { engine } = await open();
    const owned = new Map<number, number>();
    const requests: Promise<unknown>[] = [];
    engine.onNotice = (notice) => {
      if (notice.kind === "granted") {
        for (const { range } of notice.grants) owned.set(range, notice.member);
      }
      if (notice.kind === "revoke") requests.push(engine.request("release", notice));
    };
    const request = { channel: "orders", group: "g", from: "earliest", types: undefined } as const;
    const { member: first } = await engine.request("join", request);
    const { member: second } = await engine.request("join", request);
    await Promise.all(requests);
    assert.deepEqual(
      [0, 1, 2, 3].map((range) => owned.get(range)),
      [first, second, first, second],
    );
    await engine.request("close", {});
  });

  test("moves delayed messages when they are due and rejects with the core's errors", async () => {
    const { engine, notices } = await open();
    const helper = new CoreRig(directory, new HandClock());
    const dueAtMs = [clock.wallMs() + 70];
    const append = helper.encoded("orders", [{ data: "1" }], { dueAtMs });
    await engine.request("transact", { units: [plainUnit([append])] });
    await clock.advance(69);
    assert.deepEqual(notices, []);
    await clock.advance(1);
    assert.deepEqual(notices, [{ kind: "advanced", logs: [["orders", "normal", 1]] }]);
    await assert.rejects(engine.request("leave", { member: 77 }), { code: "INVALID_ARGUMENT" });
    helper.close();
    await engine.request("close", {});
    await assert.rejects(engine.request("stats", {}), { code: "CLOSED" });
  });

  for (const [what, isCommitted] of [
    ["before", false],
    ["after", true],
  ] as const) {
    test(`a disk that fails ${what} a commit: indefinite, and the engine stops`, async () => {
      let fails = false;
      const commit = (run: () => void): void => {
        if (!fails || isCommitted) run();
        if (fails) throw Object.assign(new Error("disk I/O error"), { errcode: 10 });
      };
      const engine = createDirectEngine({ clock, random: seededRandom(1), commit });
      const stopped = Promise.withResolvers<EngineStop>();
      engine.onStopped = stopped.resolve;
      await engine.request("open", { options });
      const append = new CoreRig(directory, new HandClock()).encoded("orders", [{ data: "1" }]);
      fails = true;
      const transact = engine.request("transact", { units: [plainUnit([append])] });
      await assert.rejects(transact, { code: "JOURNAL_IO", certainty: "indefinite" });
      assert.equal((await stopped.promise).error.code, "JOURNAL_IO");
      const again = await open();
      const { channels } = await again.engine.request("stats", {});
      assert.equal(channels[0]?.logs[0]?.endOffset, isCommitted ? 1 : undefined);
      await again.engine.request("close", {});
    });
  }

  test("what an abandoned engine had is taken over by whoever is told of it", async () => {
    const first = createDirectEngine({ clock, random: seededRandom(1), bell: "first" });
    await first.request("open", { options });
    const request = { channel: "orders", group: "g", from: "earliest", types: undefined } as const;
    await first.request("join", request);
    const notices: EngineNotice[] = [];
    const second = createDirectEngine({ clock, random: seededRandom(2), bell: "second" });
    second.onNotice = (notice) => notices.push(notice);
    await second.request("open", { options });
    await second.request("join", request);
    second.ring();
    first.abandon();
    await assert.rejects(first.request("stats", {}), { code: "TRANSPORT_INTERRUPTED" });
    assert.equal(notices.length, 0);
    second.peerGone("first");
    second.ring();
    const granted = notices.filter((notice) => notice.kind === "granted");
    assert.equal(granted.flatMap((notice) => notice.grants).length, 4);
    await second.request("close", {});
  });
});
