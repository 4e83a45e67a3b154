// `spillway dead-letters` and `spillway redrive` beside a running service: what they print, how
// they end, and what they change.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { type Bus, createBus, Reject } from "spillway";
import { run } from "../../../src/cli/program.ts";
import {
  collect,
  eventually,
  journalIn,
  OrderPlaced,
  orders,
  someOrders,
} from "../bus-subjects.ts";
import { capturedIo } from "../cli-io.ts";

interface Called {
  readonly code: number;
  readonly text: string;
  readonly error: string;
}

interface Shop {
  readonly bus: Bus;
  readonly directory: string;
  readonly handled: string[];
  isMended: boolean;
  call(...words: string[]): Promise<Called>;
}

/** A service whose billing group fails until it is mended, with so many letters. */
async function openShop(t: TestContext, letters: number): Promise<Shop> {
  const directory = mkdtempSync(join(tmpdir(), "spillway-letters-"));
  const transport = await journalIn(directory);
  const bus = await createBus({ name: "shop", transport, channels: [orders] });
  t.after(async () => {
    await bus.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const shop: Shop = {
    bus,
    directory,
    handled: [],
    isMended: false,
    async call(...words) {
      const io = capturedIo("");
      const code = await run([...words, "--directory", directory], io);
      return { code, text: io.text(), error: io.errorText() };
    },
  };
  await bus.subscribe(orders, { group: "billing", retry: { attempts: 1 } }, async ({ data }) => {
    if (!shop.isMended) throw new Reject(`no price for '${data.orderId}'`);
    shop.handled.push(data.orderId);
  });
  await bus.publishMany(OrderPlaced, someOrders(letters));
  await eventually(async () => (await collect(bus.deadLetters(orders))).length === letters);
  return shop;
}

test("letters are listed, grouped, shown and exported", async (t) => {
  const shop = await openShop(t, 12);
  const list = await shop.call("dead-letters", "--channel", "orders", "--limit", "5");
  assert.equal(list.code, 0);
  const lines = list.text.trimEnd().split("\n");
  assert.equal(lines.length, 6);
  assert.match(
    lines[1] ?? "",
    /^ +0 {2}orders .* billing {2}[0-9a-f]{16} .* pending {2,}.*no price/,
  );
  assert.match(list.error, /--after 4/);
  const rest = await shop.call("dead-letters", "--channel", "orders", "--after", "4", "--json");
  const page = JSON.parse(rest.text) as { letters: { offset: number }[]; next: null };
  assert.deepEqual(
    [page.letters.map(({ offset }) => offset), page.next],
    [[5, 6, 7, 8, 9, 10, 11], null],
  );
  const groups = await shop.call("dead-letters", "groups");
  assert.match(groups.text, /12 {2}orders {3}billing {2}[0-9a-f]{16} {2}Reject/);
  const grouped = JSON.parse((await shop.call("dead-letters", "groups", "--json")).text) as {
    groups: { fingerprint: string; count: number }[];
  };
  const [{ fingerprint, count } = assert.fail("a group")] = grouped.groups;
  assert.equal(count, 12);
  const one = ["--channel", "orders", "--error", fingerprint, "--key", "order-3", "--since", "1h"];
  const exported = await shop.call("dead-letters", "export", ...one);
  const event = JSON.parse(exported.text) as Record<string, unknown>;
  assert.deepEqual(event["data"], { orderId: "order-3", cents: 3 });
  assert.equal(
    Object.keys(event).some((name) => name.startsWith("deadletter")),
    false,
  );
  const shown = await shop.call("dead-letters", "show", "3", "--channel", "orders");
  for (const words of [
    /message .*test\.order\.placed version 1/,
    /no price for 'order-3'/,
    /stack/,
  ]) {
    assert.match(shown.text, words);
  }
  const { text: json } = await shop.call("dead-letters", "show", "3", "-c", "orders", "--json");
  const { offset, group, history } = JSON.parse(json) as Record<string, unknown>;
  assert.deepEqual([offset, group, history], [3, "billing", []]);
});

test("nothing to list says why; wrong words are refused with a hint", async (t) => {
  const shop = await openShop(t, 1);
  const later = await shop.call("dead-letters", "--channel", "orders", "--key", "unknown");
  assert.deepEqual(
    [later.code, /none of the 1 dead letters of 'orders'/.test(later.text)],
    [0, true],
  );
  const invalid = await shop.call("dead-letters", "--invalid");
  assert.equal(invalid.text, "there are no invalid messages: nothing was set aside\n");
  const wrong: readonly (readonly [readonly string[], number, RegExp])[] = [
    [["dead-letters", "lst"], 2, /did you mean 'list'/],
    [["dead-letters", "show", "--channel", "orders"], 2, /needs the offset/],
    [["dead-letters", "show", "1"], 2, /show needs --channel/],
    [["dead-letters", "show", "x", "--channel", "orders"], 2, /'x' is no offset/],
    [["dead-letters", "show", "9", "--channel", "orders"], 2, /has no letter 9/],
    [["dead-letters", "--since", "soon"], 2, /--since is 'soon'/],
    [["dead-letters", "--standing", "new"], 2, /--standing is 'new'/],
    [["dead-letters", "--channel", "ordres"], 1, /no channel 'ordres'/],
    [["redrive"], 2, /needs --channel/],
    [["redrive", "strat", "--channel", "orders"], 2, /did you mean 'start'/],
    [["redrive", "resume", "--channel", "orders"], 1, /REDRIVE_UNKNOWN/],
    [["redrive", "--channel", "orders", "--edit", "x", "--offset", "0"], 2, /needs --author/],
    [["redrive", "--channel", "orders", "--edit", "x", "--author", "a"], 2, /--offset/],
  ];
  for (const [words, code, message] of wrong) {
    const called = await shop.call(...words);
    assert.equal(called.code, code, words.join(" "));
    assert.match(called.error, message);
  }
});

test("a redrive is previewed, stops when the fix fails, finishes when it works", async (t) => {
  const shop = await openShop(t, 40);
  const dry = await shop.call("redrive", "--channel", "orders", "--dry-run");
  assert.match(dry.text, /^40 letters would be redriven, in 5 batches\n/);
  const preview = JSON.parse(
    (await shop.call("redrive", "--channel", "orders", "--dry-run", "--json")).text,
  ) as { letters: number; samples: unknown[] };
  assert.deepEqual([preview.letters, preview.samples.length], [40, 10]);
  const stopped = await shop.call("redrive", "--channel", "orders");
  assert.equal(stopped.code, 1);
  assert.match(stopped.text, /stopped: 1 of 1 in a batch failed again/);
  shop.isMended = true;
  const done = await shop.call("redrive", "--channel", "orders", "--author", "ann", "--json");
  assert.equal(done.code, 0, done.error);
  const report = JSON.parse(done.text) as Record<string, unknown>;
  assert.deepEqual([report["state"], report["resolved"]], ["finished", 40]);
  assert.deepEqual(report["rules"], { author: "ann" });
  assert.deepEqual([shop.handled.length, new Set(shop.handled).size], [40, 40]);
  const status = await shop.call("redrive", "status", "--channel", "orders");
  assert.match(status.text, /is finished\nof 40 letters 40 were redriven: 40 resolved/);
  assert.match(status.text, /is cancelled/);
  const empty = await shop.call("dead-letters", "--channel", "orders");
  assert.match(empty.text, /none of the 41 dead letters .* --standing all/);
});

test("one letter is edited from a file; Ctrl-C pauses a redrive", async (t) => {
  const shop = await openShop(t, 30);
  shop.isMended = true;
  const file = join(shop.directory, "edited.json");
  writeFileSync(file, '{"orderId":"edited","cents":7}');
  const words = ["--offset", "4", "--edit", file, "--author", "ann", "--reason", "wrong order"];
  const only = "--only-matching";
  const edited = await shop.call("redrive", "--channel", "orders", ...words, only);
  assert.equal(edited.code, 0, edited.error);
  assert.deepEqual(shop.handled, ["edited"]);
  const shown = await shop.call("dead-letters", "show", "4", "--channel", "orders");
  assert.match(shown.text, /redriven by redrive .*, edited by ann\n.*resolved by/);
  const stop = new AbortController();
  const io = capturedIo("", { signal: stop.signal });
  const slow = ["redrive", "--channel", "orders", "--rate", "1", "--directory", shop.directory];
  const running = run(slow, io);
  await eventually(() => shop.handled.length === 2);
  stop.abort();
  assert.equal(await running, 1);
  assert.match(io.text(), /is paused.*\n.*\ngo on: spillway redrive resume --channel orders/);
  const active = await shop.call("redrive", "--channel", "orders");
  assert.match(active.error, /REDRIVE_ACTIVE/);
  const cancelled = await shop.call("redrive", "cancel", "--channel", "orders");
  assert.match(cancelled.text, /is cancelled/);
  assert.equal((await shop.call("redrive", "--channel", "orders")).code, 0);
  assert.deepEqual([shop.handled.length, new Set(shop.handled).size], [30, 30]);
});
