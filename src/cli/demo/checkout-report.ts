// The end of `spillway demo checkout`: the ledger of both sides as a table for people, or as one
// JSON object. Pure.
import type { CheckoutResult, SideResult } from "../../demo/checkout/checkout-result.ts";
import type { Style } from "../terminal/ansi.ts";
import { formatCount, formatDuration } from "../terminal/number-format.ts";
import { renderTable } from "../terminal/table.ts";
import { sideTitles } from "./checkout-view.ts";
import type { TimedEvent } from "./event-lines.ts";

/** Whether the side on Spillway balances; what the other one does is shown, not judged. */
export function isRightBalanced(result: CheckoutResult): boolean {
  const right = result.sides.find(({ side }) => side === "spillway");
  return right?.ledger.balanced ?? false;
}

type RowOf = (side: SideResult) => string;

/** The ledger for people. */
export function renderCheckoutLedger(
  result: CheckoutResult,
  { skipped }: Pick<CheckoutReportContext, "skipped">,
  style: Style,
): readonly string[] {
  const columns = [
    { title: "" },
    ...result.sides.map(({ side }) => ({ title: sideTitles[side], align: "right" as const })),
  ];
  const rows = [...orderRows(style), ...moneyRows(style), ...stockRows(style), ...timeRows()];
  const table = renderTable(
    columns,
    rows.map(([title, cell]) => [title, ...result.sides.map((side) => cell(side))]),
    { gap: "   ", styleHeader: style.bold },
  );
  return [
    style.bold("Ledger: what the services recorded, against what customers sent and were told"),
    "",
    ...table,
    "",
    ...(skipped === 0 ? [] : [style.yellow(`Left out of the input: ${formatCount(skipped)}`)]),
    ...result.sides.map((side) => verdict(side, style)),
  ];
}

function orderRows(style: Style): readonly (readonly [string, RowOf])[] {
  const fault = (count: number): string =>
    count === 0 ? style.green("0") : style.red(style.bold(formatCount(count)));
  return [
    ["orders sent", ({ ledger }) => formatCount(ledger.sent)],
    ["  accepted", ({ ledger }) => formatCount(ledger.answers.yes)],
    ["  declined or sold out", ({ ledger }) => formatCount(ledger.answers["turned-down"])],
    ["  told 'sorry, not now'", ({ ledger }) => formatCount(ledger.answers.refused)],
    ["  not answered", ({ ledger }) => formatCount(ledger.answers.unanswered)],
    ["carried out", ({ ledger }) => formatCount(ledger.carriedOut)],
    ["  unknown to the customer", ({ ledger }) => formatCount(ledger.untold)],
    ["cancelled", ({ ledger }) => formatCount(ledger.cancelled)],
    ["lost", ({ ledger }) => fault(ledger.lost)],
    ["doubled", ({ ledger }) => fault(ledger.doubled)],
    ["half done", ({ ledger }) => fault(ledger.halfDone)],
  ];
}

function moneyRows(style: Style): readonly (readonly [string, RowOf])[] {
  return [
    ["sales missed", ({ ledger }) => money(ledger.missedCents)],
    ["money owed", ({ ledger }) => money(ledger.money.owed)],
    ["  recorded by payment", ({ ledger }) => money(ledger.money.recorded)],
    ["  in the bank's book", ({ ledger }) => money(ledger.money.bank)],
    [
      "  difference",
      ({ ledger }) =>
        gap([ledger.money.owed, ledger.money.recorded, ledger.money.bank], money, style),
    ],
  ];
}

function stockRows(style: Style): readonly (readonly [string, RowOf])[] {
  return [
    ["pieces taken from stock", ({ ledger }) => formatCount(ledger.stock.taken)],
    ["  recorded by shipping", ({ ledger }) => formatCount(ledger.stock.shipped)],
    ["  in the carrier's book", ({ ledger }) => formatCount(ledger.stock.carrier)],
    [
      "  difference",
      ({ ledger: { stock } }) =>
        gap([stock.taken, stock.shipped, stock.carrier], formatCount, style),
    ],
  ];
}

function timeRows(): readonly (readonly [string, RowOf])[] {
  return [
    ["accepted in, p50", ({ accept }) => formatDuration(accept.p50)],
    ["accepted in, p99", ({ accept }) => formatDuration(accept.p99)],
    ["order to parcel, p50", ({ delivery }) => formatDuration(delivery.p50)],
    ["order to parcel, p99", ({ delivery }) => formatDuration(delivery.p99)],
    ["time-outs", ({ timeouts }) => formatCount(timeouts)],
    ["calls made again", ({ retries }) => formatCount(retries)],
    ["settled after closing in", ({ settlingSeconds }) => `${settlingSeconds.toFixed(1)} s`],
    ["processor time", ({ processorSeconds }) => `${processorSeconds.toFixed(1)} s`],
  ];
}

/** The widest gap between amounts that should be the same. */
function gap(amounts: readonly number[], format: (amount: number) => string, style: Style): string {
  const difference = Math.max(...amounts) - Math.min(...amounts);
  const text = format(difference);
  return difference === 0 ? style.green(text) : style.red(style.bold(text));
}

/** 123456 → "1,234.56". */
function money(cents: number): string {
  const whole = Math.trunc(Math.abs(cents) / 100);
  const rest = String(Math.abs(cents) % 100).padStart(2, "0");
  return `${cents < 0 ? "-" : ""}${formatCount(whole)}.${rest}`;
}

function verdict({ side, ledger }: SideResult, style: Style): string {
  const title = `${sideTitles[side]}: `;
  if (ledger.balanced) return style.green(`${title}balanced to the cent and to the piece.`);
  const faults = [
    `${formatCount(ledger.lost)} lost`,
    `${formatCount(ledger.doubled)} doubled`,
    `${formatCount(ledger.halfDone)} half done`,
    `${formatCount(ledger.unexpected)} never sent`,
  ];
  return style.red(`${title}does NOT balance: ${faults.join(", ")}.`);
}

/** What is printed besides the ledger with --json. */
export interface CheckoutReportContext {
  readonly seed: number;
  readonly perSecond: number;
  /** Where the files are, if they are kept. */
  readonly directory: string | undefined;
  /** Records of the input that were left out. */
  readonly skipped: number;
  /** What happened, in order. */
  readonly events: readonly TimedEvent[];
}

/** The ledger as one JSON object; "balanced" is the side on Spillway. */
export function checkoutAsJson(result: CheckoutResult, context: CheckoutReportContext): string {
  const sides = result.sides.map(({ side, ledger, ...rest }) => [side, { ...ledger, ...rest }]);
  return JSON.stringify({
    sent: result.sent,
    balanced: isRightBalanced(result),
    killed: result.killed,
    interrupted: result.interrupted,
    seconds: Number(result.seconds.toFixed(3)),
    ...Object.fromEntries(sides),
    ...context,
  });
}
