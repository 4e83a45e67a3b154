// The scenarios: what is compared with what, and the ratio each has to reach. "Bare" is the
// smallest loop over the same bytes with the same library; another Spillway run where it says so.
import type { Side } from "./measure.ts";

/** One comparison. */
export interface Scenario {
  readonly description: string;
  /** What the bare side does. */
  readonly baseline: string;
  readonly spillway: Side;
  readonly bare: Side;
  /** Whether messages are counted as they are consumed. */
  readonly consumes: boolean;
  /** The smallest ratio that `--check` accepts. */
  readonly ratioMin?: number;
  /** Messages a run at 100 B; larger messages run proportionally fewer. */
  readonly messages: number;
}

export const scenarios: Readonly<Record<string, Scenario>> = {
  "embedded-publish": {
    description: "durable typed publish: validation, id, time, key, receipt; promise per message",
    baseline: "JSON.stringify → batch → writer thread commits with fsync → promise per message",
    spillway: { part: "publish" },
    bare: { part: "publishBare" },
    consumes: false,
    ratioMin: 0.6,
    messages: 1_000_000,
  },
  "embedded-consume": {
    description: "consume with acknowledgement: decode, validation, handler, cursor commit",
    baseline: "read batch → JSON.parse → await handler → cursor commit with fsync",
    spillway: { fill: "fill", part: "consume" },
    bare: { fill: "bareFill", part: "consumeBare" },
    consumes: true,
    ratioMin: 0.6,
    messages: 1_000_000,
  },
  "embedded-both": {
    description: "publish and consume at the same time in one process",
    baseline: "the bare publish and the bare consume loop in one process",
    spillway: { part: "both" },
    bare: { part: "bothBare" },
    consumes: true,
    messages: 600_000,
  },
  "effectively-once": {
    description: "consume with delivery effectively-once, without state",
    baseline: "the same with delivery at-least-once",
    spillway: { fill: "fill", part: "consumeOnce" },
    bare: { fill: "fill", part: "consume" },
    consumes: true,
    ratioMin: 0.7,
    messages: 1_000_000,
  },
  "effectively-once-state": {
    description: "consume with delivery effectively-once and one context.state.set a message",
    baseline: "bare consume with one upsert a message in the cursor's transaction",
    spillway: { fill: "fill", part: "consumeState" },
    bare: { fill: "bareFill", part: "consumeBareState" },
    consumes: true,
    ratioMin: 0.5,
    messages: 300_000,
  },
  "fan-out": {
    description: "every message delivered to each of --groups groups of one process",
    baseline: "as many bare consume loops over the same log",
    spillway: { fill: "fill", part: "consume" },
    bare: { fill: "bareFill", part: "consumeBare" },
    consumes: true,
    messages: 1_000_000,
  },
};
