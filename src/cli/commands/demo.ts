// `spillway demo`: which demo is meant, and which flags it takes. The demos are in src/demo, what
// they look like in cli/demo.
import { type Command, type CommandCall, exitCodes, type Flag } from "../command.ts";
import { checkoutDemo } from "../demo/checkout-play.ts";
import type { DemoEntry } from "../demo/demo-entry.ts";
import { isForked } from "../demo/demo-processes.ts";
import { webhooksDemo } from "../demo/webhooks-play.ts";
import { nearest } from "../../kernel/nearest.ts";
import { UsageError } from "../usage-error.ts";

/** The first one is played where none is named. */
const demos: readonly [DemoEntry, ...DemoEntry[]] = [checkoutDemo, webhooksDemo];

/** Flags of every demo. */
const sharedFlags: Readonly<Record<string, Flag>> = {
  rate: {
    type: "number",
    min: 0.1,
    max: 1_000_000,
    placeholder: "COUNT",
    summary: "orders or deliveries a second (default: checkout 100, else no limit)",
  },
  seed: {
    type: "count",
    max: 4_294_967_295,
    placeholder: "NUMBER",
    summary: "repeats what is drawn by chance: orders, failures, repeats (default: 1)",
  },
  directory: {
    type: "string",
    short: "d",
    placeholder: "DIRECTORY",
    summary: "keep all files here (default: a temporary one, removed at the end)",
  },
};

/** The command. */
export const demoCommand: Command = {
  name: "demo",
  summary: "watch a shop on its busiest day, next to the same shop on HTTP calls",
  usage: "[checkout|webhooks] [FLAGS]",
  description: [
    "checkout: a shop's busiest day, twice at once, with the same customers, services, capacity.",
    "Left, the services call each other over HTTP, with time-outs, retries, idempotency keys;",
    "right, they are on Spillway. After three eighths of the time the bank is ten times slower,",
    "after five eighths a payment process is killed, on both sides. It ends with a ledger of",
    "orders, money and stock for each side. Exit code 1 if the right side does not balance.",
    "Keys in a terminal: k kills a process, d lets the bank be dead and well again, s slow and",
    "fast again, f floods the shop for five seconds, q closes it. --chaos SEED lets a tenth of the",
    "handler calls on the right fail or be late, until c is pressed.",
    "",
    "--input takes orders of your own: JSON, one object a line or an array, or CSV with a header.",
    "An order is an id, a sku, and cents or an amount as in 19.99; customer and quantity if there",
    "are any. --column says what your columns are called. A record that is no order is named with",
    "its line and left out.",
    "",
    "webhooks: replays 329 recorded GitHub deliveries through a journal. A receiver validates and",
    "stores them as typed events on four channels; an audit trail, a notifier whose downstream",
    "fails and recovers, two competing worker processes and a read model consume them, each in its",
    "own group. It ends with a ledger, too. Exit code 1 if it does not balance.",
    "",
    "Ctrl-C ends the arrivals; what was accepted is settled, and the ledger printed.",
  ],
  flags: { ...sharedFlags, ...checkoutDemo.flags, ...webhooksDemo.flags },
  positionalsMax: 1,
  examples: [
    "spillway demo",
    "spillway demo --seconds 20 --kills 3",
    "spillway demo --chaos 7",
    "spillway demo --input orders.csv --column id=order_no --column amount=total",
    "spillway demo webhooks --crash --loops 5",
    "spillway demo --json | jq .balanced",
  ],
  async run(call) {
    const [name] = call.positionals;
    const process = demos.find((demo) => demo.processWord === name);
    if (process !== undefined && isForked()) {
      await process.runProcess(call.io);
      return exitCodes.success;
    }
    const demo = name === undefined ? demos[0] : demos.find((each) => each.name === name);
    if (demo === undefined) throw unknownDemo(name ?? "");
    checkFlags(call, demo);
    return demo.play(call);
  },
};

/** A flag of another demo would change nothing, which nobody wants who gives it. */
function checkFlags(call: CommandCall, demo: DemoEntry): void {
  for (const other of demos) {
    if (other === demo) continue;
    for (const flag of Object.keys(other.flags)) {
      if (call.flags[flag] === undefined) continue;
      throw new UsageError(`--${flag} is for 'spillway demo ${other.name}'`, "demo");
    }
  }
}

function unknownDemo(name: string): UsageError {
  const names = demos.map((demo) => demo.name);
  const list = `there is ${names.map((each) => `'spillway demo ${each}'`).join(", ")}`;
  const suggestion = nearest(name, names);
  const hint = suggestion === undefined ? list : `did you mean '${suggestion}'?`;
  return new UsageError(`there is no demo '${name}': ${hint}`, "demo");
}
