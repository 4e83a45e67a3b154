// `spillway demo checkout`: its flags, its keys, and what it prints. The demo itself is in
// src/demo/checkout.
import { perSecondDefault } from "../../demo/checkout/capacity.ts";
import { CheckoutDemo } from "../../demo/checkout/checkout-demo.ts";
import type { CheckoutResult } from "../../demo/checkout/checkout-result.ts";
import { type CheckoutOptions, secondsDefault } from "../../demo/checkout/checkout-options.ts";
import { type FaultKey, killsMax } from "../../demo/checkout/faults.ts";
import { runServiceProcess } from "../../demo/checkout/service-process.ts";
import { sideNames } from "../../demo/checkout/side-name.ts";
import type { DemoEvent } from "../../demo/stage/demo-event.ts";
import { type CommandCall, exitCodes, type Flag } from "../command.ts";
import { openInput } from "../publish/input-source.ts";
import { hasKeys, interruptKey, readKeys } from "../terminal/key-reader.ts";
import { printable } from "../terminal/ansi.ts";
import { UsageError } from "../usage-error.ts";
import { checkoutAsJson, isRightBalanced, renderCheckoutLedger } from "./checkout-report.ts";
import { renderCheckout, renderCheckoutLine } from "./checkout-view.ts";
import { inDemoDirectory } from "./demo-directory.ts";
import type { DemoEntry } from "./demo-entry.ts";
import { forkOf, runForked } from "./demo-processes.ts";
import { demoScreen } from "./demo-screen.ts";
import type { TimedEvent } from "./event-lines.ts";
import { type ColumnNames, parseColumns } from "./order-input/order-columns.ts";
import { OrderInput } from "./order-input/order-input.ts";

const processWord = "checkout-service";
/** Longest day. */
const secondsMax = 86_400;
/** Records of the input that are named, of those that are left out; all are counted. */
const badLinesNamed = 20;

const flags: Readonly<Record<string, Flag>> = {
  seconds: {
    type: "number",
    min: 1,
    max: secondsMax,
    placeholder: "COUNT",
    summary: `checkout: how long customers come (default: ${secondsDefault})`,
  },
  input: {
    type: "string",
    placeholder: "FILE|-",
    summary: "checkout: orders of your own, JSON or CSV",
  },
  column: {
    type: "list",
    placeholder: "NAME=COLUMN",
    summary: "checkout: what a column of the input is called; once for each",
  },
  kills: {
    type: "count",
    max: killsMax,
    placeholder: "COUNT",
    summary: "checkout: kill so many more processes, any of them, at random moments",
  },
  chaos: {
    type: "count",
    max: 4_294_967_295,
    placeholder: "SEED",
    summary: "checkout: a tenth of the calls on the right fails or is late",
  },
  "no-faults": {
    type: "boolean",
    summary: "checkout: nothing goes wrong by the clock: no slow bank, no kill",
  },
  patience: {
    type: "number",
    min: 0.1,
    max: 100,
    placeholder: "FACTOR",
    summary: "checkout: multiplies every time-out of both sides (default: 1)",
  },
  "no-sync": { type: "boolean", summary: "checkout: only the side on Spillway" },
};

/** The demo. */
export const checkoutDemo: DemoEntry = {
  name: "checkout",
  flags,
  processWord,
  runProcess: (io) => runForked(io, runServiceProcess),
  async play(call) {
    const given = call.flags["directory"];
    const directory = given === undefined ? undefined : String(given);
    const columns = columnsOf(call);
    return inDemoDirectory(directory, async (used) => {
      const result = await play(call, columns, used, directory);
      return isRightBalanced(result) ? exitCodes.success : exitCodes.failure;
    });
  },
};

async function play(
  call: CommandCall,
  columns: ColumnNames,
  directory: string,
  kept: string | undefined,
): Promise<CheckoutResult> {
  const { io, json } = call;
  const events: TimedEvent[] = [];
  const onEvent = (event: DemoEvent): void => {
    if (json) events.push({ ...event, atMs: demo.view().elapsedMs });
    screen.tell(event);
  };
  const input = await openOrders(call, columns, onEvent);
  const quit = new AbortController();
  const signal = AbortSignal.any([io.signal, quit.signal]);
  const options = { ...optionsOf(call), directory, orders: input, signal };
  const onSample = (): void => screen.update();
  const demo = new CheckoutDemo({ ...options, onEvent, onSample });
  const withKeys = !json && io.stdout.isTerminal && call.flags["input"] !== "-";
  const keys = withKeys && hasKeys(io.stdin) ? io.stdin : undefined;
  const screen = demoScreen(io, json, {
    elapsedMs: () => demo.view().elapsedMs,
    frame: (shown, width, style) => {
      const { seconds, chaosSeed } = options;
      return renderCheckout(
        demo.view(),
        { seconds, keys: keys !== undefined, chaos: chaosSeed !== undefined },
        shown,
        width,
        style,
      );
    },
    line: () => renderCheckoutLine(demo.view()),
  });
  const stopKeys = keys && readKeys(keys, (key) => press(key, demo, quit));
  const result = await demo.run().finally(() => {
    stopKeys?.();
    screen.close();
    input?.close();
  });
  const { seed, perSecond } = options;
  const { stdout } = io;
  const context = { seed, perSecond, directory: kept, skipped: input?.skipped ?? 0, events };
  if (json) stdout.write(`${checkoutAsJson(result, context)}\n`);
  else stdout.write(`\n${renderCheckoutLedger(result, context, stdout.style).join("\n")}\n`);
  return result;
}

const faultKeys: Readonly<Record<string, FaultKey>> = {
  k: "kill",
  d: "dead",
  s: "slow",
  f: "flood",
  c: "calm",
};

function press(key: string, demo: CheckoutDemo, quit: AbortController): void {
  // The program's own watch decides: the first one closes the shop, the second ends the process.
  if (key === interruptKey) process.kill(process.pid, "SIGINT");
  if (key === "q") quit.abort();
  const fault = Object.hasOwn(faultKeys, key) ? faultKeys[key] : undefined;
  if (fault !== undefined) demo.press(fault);
}

function columnsOf({ flags: given }: CommandCall): ColumnNames {
  const words = given["column"];
  if (typeof words !== "object") return {};
  if (given["input"] === undefined) {
    throw new UsageError(
      "--column says what the input's columns are: give --input as well",
      "demo",
    );
  }
  return parseColumns(words);
}

async function openOrders(
  { flags: given, io }: CommandCall,
  columns: ColumnNames,
  tell: (event: DemoEvent) => void,
): Promise<OrderInput | undefined> {
  const path = given["input"];
  if (path === undefined) return undefined;
  const source = openInput(String(path), io);
  let named = 0;
  return OrderInput.open(source, columns, ({ line, reason }) => {
    if (++named > badLinesNamed) return;
    tell({ mood: "bad", text: `${source.name}, line ${line} is left out: ${printable(reason)}` });
  });
}

function optionsOf({
  flags: given,
  io,
}: CommandCall): Omit<CheckoutOptions, "onEvent" | "onSample" | "orders" | "signal" | "directory"> {
  const count = (name: string, otherwise: number): number => {
    const value = given[name];
    return typeof value === "number" ? value : otherwise;
  };
  const faults = given["no-faults"] !== true;
  const { chaos } = given;
  return {
    seconds: count("seconds", secondsDefault),
    perSecond: count("rate", perSecondDefault),
    seed: count("seed", 1),
    patience: count("patience", 1),
    sides: given["no-sync"] === true ? ["spillway"] : sideNames,
    slow: faults,
    crash: faults,
    kills: count("kills", 0),
    chaosSeed: typeof chaos === "number" ? chaos : undefined,
    fork: forkOf(processWord),
    clock: io.clock,
    random: io.random,
  };
}
