import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { type CoreRig, plainUnit } from "../../../../test/journal/core-rig.ts";
import { copyFiles } from "../../../../test/journal/damaged-directories.ts";
import { NamedJournals, names } from "../../../../test/journal/named-journals.ts";
import { seededRandom } from "../../../kernel/random.ts";
import { acceptLossOf, type LossAccepted } from "./accept-loss.ts";
import type { JournalDamage } from "./damage.ts";
import { inspectJournal } from "./soundness.ts";

describe("accepting a loss", () => {
  let journals: NamedJournals;
  beforeEach(() => {
    journals = new NamedJournals();
  });
  afterEach(() => journals.end());

  const at = (name: string): string => journals.at(name);
  const open = (name: string): CoreRig => journals.open(name);
  const damageOf = (name: string): JournalDamage => {
    const options = { clock: journals.clock, durability: "fsync", busyTimeoutMs: 1_000 } as const;
    const soundness = inspectJournal(at(name), options);
    assert.equal(soundness.kind, "damaged");
    return soundness.kind === "damaged" ? soundness.damage : assert.fail();
  };
  const accept = (name: string, damage = damageOf(name)): LossAccepted => {
    const environment = { clock: journals.clock, random: seededRandom(1), busyTimeoutMs: 1_000 };
    return acceptLossOf(at(name), damage, environment);
  };
  const gapsOf = (rig: CoreRig): unknown[] =>
    rig.withConnection((connection) => {
      const sql =
        "SELECT channel.name, lane, base, count, reason FROM gap " +
        "JOIN log ON log.id = gap.log JOIN channel ON channel.id = log.channel ORDER BY 1, 2, 3";
      return connection
        .prepare(sql)
        .all()
        .map((row) => Object.values(row));
    });
  const endOf = (rig: CoreRig, channel: string): number | undefined =>
    rig.stats(channel).logs.find(({ priority }) => priority === "normal")?.endOffset;

  test("leaves gaps, never gives their offsets again, and the journal can be written", () => {
    const live = open("live");
    live.declare("orders");
    live.publish("orders", names(5));
    copyFiles(at("live"), at("earlier"));
    live.publish("orders", names(7));
    live.publish("orders", ["urgent"], { priority: "high" });
    copyFiles(at("live"), at("earlier"), ["tail"]);
    const damage = damageOf("earlier");
    const accepted = accept("earlier", damage);
    assert.equal(accepted.commits, 2);
    assert.equal(accepted.commitBefore, accepted.commit + 2);
    assert.deepEqual(accepted.missing, damage.missing);
    const rig = open("earlier");
    assert.deepEqual(rig.take("health"), []);
    assert.equal(rig.publish("orders", ["x"]).firstOffset, 12);
    // The log of high priority was lost with its row: it is known again when it is made again.
    assert.equal(rig.publish("orders", ["y"], { priority: "high" }).firstOffset, 1);
    assert.deepEqual(gapsOf(rig), [
      ["orders", 0, 0, 1, "lost"],
      ["orders", 1, 5, 7, "lost"],
    ]);
    // A second look finds nothing: the chain of checksums and the ends are whole.
    rig.close();
    assert.deepEqual(open("earlier").take("health"), []);
  });

  test("of a channel that is lost altogether holds once it is declared again", () => {
    const live = open("live");
    copyFiles(at("live"), at("earlier"));
    live.declare("orders");
    live.publish("orders", names(3));
    copyFiles(at("live"), at("earlier"), ["tail"]);
    assert.match(damageOf("earlier").reasons.join(), /channel 'orders' \(normal\), offsets 0 to 2/);
    accept("earlier");
    const rig = open("earlier");
    rig.declare("refunds");
    rig.publish("refunds", names(2));
    rig.declare("orders");
    rig.publish("orders", ["x"]);
    assert.equal(endOf(rig, "orders"), 4);
    assert.equal(endOf(rig, "refunds"), 2);
    assert.deepEqual(gapsOf(rig), [["orders", 1, 0, 3, "lost"]]);
  });

  test("never gives a version of state again", () => {
    const live = open("live");
    live.declare("orders");
    copyFiles(at("live"), at("earlier"));
    for (let commit = 0; commit < 20; commit++) live.publish("orders", ["x"]);
    const lastCommit = Number(
      live.withConnection((connection) =>
        Object.values(
          connection.prepare("SELECT value FROM meta WHERE name = 'commit'").get() ?? {},
        ),
      )[0],
    );
    copyFiles(at("live"), at("earlier"), ["tail"]);
    assert.equal(accept("earlier").commitBefore, lastCommit);
    const rig = open("earlier");
    const [result] = rig.transact([plainUnit([rig.encoded("orders", [{ data: "x" }])])]);
    assert.ok(result?.kind === "committed" && result.version > (lastCommit + 1) * 1_024);
  });

  test("of a tail of another journal makes it this one's", () => {
    const live = open("live");
    live.declare("orders");
    live.publish("orders", names(5));
    copyFiles(at("live"), at("earlier"));
    open("other").declare("refunds");
    copyFiles(at("other"), at("earlier"), ["tail"]);
    assert.equal(accept("earlier").otherIncarnation, true);
    const rig = open("earlier");
    assert.deepEqual(rig.take("health"), []);
    assert.equal(rig.publish("orders", ["x"]).firstOffset, 5);
  });

  test("is refused where more than the end is wrong", () => {
    const live = open("live");
    live.declare("orders");
    live.withConnection((connection) => connection.exec("UPDATE channel SET partitions = 7"));
    copyFiles(at("live"), at("earlier"));
    assert.throws(() => accept("earlier"), { code: "JOURNAL_DAMAGED", message: /repair/ });
  });
});
