// Full disks, real ones: a small tmpfs that another file fills, to a floor or to its last byte.
// Whatever happens: no acknowledgement is false, nothing waits for ever, settlements and retention
// go on, and everything goes on by itself once there is space.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { isLongRun } from "../evidence.ts";
import type { FullDiskPlan } from "./full-disk-rig.ts";
import { runInOwnNamespace } from "./loop-disk.ts";
import { whyNoSmallDisk } from "./small-disk.ts";

const seed = Number(process.env["SPILLWAY_SEED"] ?? process.hrtime.bigint() % 1_000_000n);
const folder = mkdtempSync(join(tmpdir(), "spillway-full-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
const skip = whyNoSmallDisk(folder) ?? false;
const rig = fileURLToPath(new URL("./full-disk-rig.ts", import.meta.url));

const play = async (
  scenario: FullDiskPlan["scenario"],
  onMessage: (message: unknown) => void = () => undefined,
  rounds = 1,
): Promise<void> => {
  const plan: FullDiskPlan = { scenario, folder, seed, rounds };
  await runInOwnNamespace(rig, plan, onMessage);
};

test("below the floor publishers wait, and nobody else", { skip }, () => play("atTheFloor"));

test("full to the last byte, retention makes the space to go on with", { skip }, () =>
  play("toTheLastByte"),
);

test("a journal opens on a full disk", { skip }, () => play("opening"));

test("what cannot be opened for want of space says so", { skip }, () => play("nothingLeft"));

test("a disk that fills up at any write costs no message", { skip }, async (context) => {
  context.diagnostic(`seed ${seed}`);
  const report = (message: unknown): void => context.diagnostic(JSON.stringify(message));
  await play("anyWrite", report, isLongRun ? 200 : 8);
});

test("kill -9 on a full disk costs no message", { skip }, () =>
  play("killed", undefined, isLongRun ? 20 : 2),
);
