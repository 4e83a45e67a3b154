// `spillway demo checkout`: its flags, its keys, and what it prints at the end. The demo itself is
// in src/demo/checkout.
import { perSecondDefault } from "../../demo/checkout/capacity.ts";
import { CheckoutDemo } from "../../demo/checkout/checkout-demo.ts";
import { type CheckoutOptions, secondsDefault } from "../../demo/checkout/checkout-options.ts";
import { killsMax } from "../../demo/checkout/faults.ts";
import { runServiceProcess } from "../../demo/checkout/service-process.ts";
import { sideNames } from "../../demo/checkout/side-name.ts";
import { type CommandCall, exitCodes } from "../command.ts";
import { checkoutAsJson, isRightBalanced, renderCheckoutLedger } from "./checkout-report.ts";
import { renderCheckout, renderCheckoutLine } from "./checkout-view.ts";
import { inDemoDirectory } from "./demo-directory.ts";
import type { DemoEntry } from "./demo-entry.ts";
import { forkOf, runForked } from "./demo-processes.ts";
import { demoScreen } from "./demo-screen.ts";

const processWord = "checkout-service";
/** Longest day. */
const secondsMax = 86_400;

/** The demo. */
export const checkoutDemo: DemoEntry = {
  name: "checkout",
  flags: {
    seconds: {
      type: "number",
      min: 1,
      max: secondsMax,
      placeholder: "COUNT",
      summary: `checkout: how long customers come (default: ${secondsDefault})`,
    },
    kills: {
      type: "count",
      max: killsMax,
      placeholder: "COUNT",
      summary: "checkout: kill so many more processes, any of them, at random moments",
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
  },
  processWord,
  runProcess: (io) => runForked(io, runServiceProcess),
  async play(call) {
    const given = call.flags["directory"];
    const directory = given === undefined ? undefined : String(given);
    return inDemoDirectory(directory, (used) => play(call, used, directory));
  },
};

async function play(
  call: CommandCall,
  directory: string,
  kept: string | undefined,
): Promise<number> {
  const { io, json } = call;
  const options = optionsOf(call, directory);
  const demo = new CheckoutDemo({
    ...options,
    onEvent: (event) => screen.tell(event),
    onSample: () => screen.update(),
  });
  const screen = demoScreen(io, json, {
    elapsedMs: () => demo.view().elapsedMs,
    frame: (events, columns, style) =>
      renderCheckout(demo.view(), options.seconds, events, columns, style),
    line: () => renderCheckoutLine(demo.view()),
  });
  const result = await demo.run().finally(() => screen.close());
  const { stdout } = io;
  const { seed, perSecond } = options;
  if (json) stdout.write(`${checkoutAsJson(result, { seed, perSecond, directory: kept })}\n`);
  else stdout.write(`\n${renderCheckoutLedger(result, stdout.style).join("\n")}\n`);
  return isRightBalanced(result) ? exitCodes.success : exitCodes.failure;
}

function optionsOf(
  call: CommandCall,
  directory: string,
): Omit<CheckoutOptions, "onEvent" | "onSample"> {
  const { flags, io } = call;
  const count = (name: string, otherwise: number): number => {
    const value = flags[name];
    return typeof value === "number" ? value : otherwise;
  };
  const faults = flags["no-faults"] !== true;
  return {
    directory,
    seconds: count("seconds", secondsDefault),
    perSecond: count("rate", perSecondDefault),
    seed: count("seed", 1),
    patience: count("patience", 1),
    orders: undefined,
    sides: flags["no-sync"] === true ? ["spillway"] : sideNames,
    slow: faults,
    crash: faults,
    kills: count("kills", 0),
    fork: forkOf(processWord),
    clock: io.clock,
    random: io.random,
    signal: io.signal,
  };
}
