import assert from "node:assert/strict";
import { resolve } from "node:path";
import { test } from "node:test";
import { SpillwayError } from "../../errors/spillway-error.ts";
import {
  type EmbeddedOptions,
  engineOptionsOf,
  leaseMsDefault,
  resolveOptions,
} from "./options.ts";

test("defaults are filled in, and the directory does not depend on later changes of folder", () => {
  const options = resolveOptions({ directory: "data", leaseMs: 500 });
  assert.equal(options.directory, resolve("data"));
  assert.equal(options.leaseMs, 500);
  assert.equal(options.durability, "fsync");
  assert.equal(options.engine, "thread");
  assert.equal(resolveOptions({ directory: "data" }).leaseMs, leaseMsDefault);
  assert.deepEqual(Object.keys(engineOptionsOf(options)).sort(), [
    "busyTimeoutMs",
    "dedupeCountMax",
    "dedupeWindowMs",
    "directory",
    "durability",
    "freeBytesMin",
    "leaseMs",
    "maxBlockedMs",
    "walBytesMax",
  ]);
});

test("every fault is named at once, with its value", () => {
  const wrong = {
    directory: "",
    durability: "fast",
    leaseMs: 1,
    walBytesMax: 1.5,
    busyTimeoutMs: "5",
    folder: "x",
  } as unknown as EmbeddedOptions;
  assert.throws(
    () => resolveOptions(wrong),
    (error) => {
      assert.ok(error instanceof SpillwayError);
      assert.equal(error.code, "INVALID_ARGUMENT");
      const faults = error.details["faults"] as string[];
      assert.equal(faults.length, 6);
      for (const name of ["directory", "durability", "leaseMs", "walBytesMax", "folder"]) {
        assert.ok(
          faults.some((fault) => fault.startsWith(`${name} is`)),
          name,
        );
      }
      assert.match(error.message, /leaseMs is 1: give a whole number from 50/);
      return true;
    },
  );
  assert.throws(() => resolveOptions(undefined as unknown as EmbeddedOptions), {
    code: "INVALID_ARGUMENT",
  });
});
