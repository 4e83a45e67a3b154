// The end of `spillway demo webhooks`: the ledger as a table for people, or as one JSON object.
// Pure.
import type { DemoResult } from "../../demo/webhooks/webhooks-demo.ts";
import type { LedgerLine } from "../../demo/webhooks/ledger.ts";
import type { Style } from "../terminal/ansi.ts";
import { counted, formatCount } from "../terminal/number-format.ts";
import { renderTable } from "../terminal/table.ts";

const columns = [
  { title: "group" },
  { title: "sent", align: "right" },
  { title: "recorded", align: "right" },
  { title: "dead", align: "right" },
  { title: "expired", align: "right" },
  { title: "dropped", align: "right" },
  { title: "lost", align: "right" },
  { title: "doubled", align: "right" },
  { title: "redelivered", align: "right" },
  { title: "retries", align: "right" },
] as const;

/** Narrower than this, columns stand closer together. */
const columnsForWideGap = 90;

/** The ledger for people; "dead" counts dead letters. */
export function renderLedger(
  result: DemoResult,
  screenColumns: number,
  style: Style,
): readonly string[] {
  const fault = (count: number): string => {
    return count === 0 ? style.green("0") : style.red(style.bold(formatCount(count)));
  };
  const rows = result.lines.map((line) => [
    line.group,
    formatCount(line.expected),
    formatCount(line.recorded),
    formatCount(line.deadLettered),
    formatCount(line.expired),
    formatCount(line.dropped),
    fault(line.lost),
    fault(line.duplicated + line.unexpected),
    formatCount(line.redelivered),
    formatCount(line.retries),
  ]);
  return [
    style.bold("Ledger: what the services recorded, against what was sent"),
    "",
    ...renderTable(columns, rows, {
      styleHeader: style.dim,
      gap: screenColumns < columnsForWideGap ? " " : "  ",
    }),
    "",
    ...remarks(result),
    verdict(result, style),
  ];
}

function remarks(result: DemoResult): readonly string[] {
  const { received, repeats, crash, seconds } = result;
  const lines = [
    `${counted(received, "delivery", "deliveries")} in ${seconds.toFixed(1)} s; ` +
      `${formatCount(repeats)} repeated by their sender and stored once`,
  ];
  if (crash !== undefined) {
    lines.push(
      `${crash.worker} was killed with ${crash.unsettled} of ` +
        `${counted(crash.given, "delivery", "deliveries")} unsettled`,
    );
  }
  return lines;
}

function verdict(result: DemoResult, style: Style): string {
  if (result.balanced) return style.green("Balanced: nothing is lost, nothing happened twice.");
  const sum = (of: (line: LedgerLine) => number): string => {
    return formatCount(result.lines.reduce((total, line) => total + of(line), 0));
  };
  const faults = [
    `${sum((line) => line.lost)} lost`,
    `${sum((line) => line.duplicated)} duplicated`,
    `${sum((line) => line.unexpected)} never sent`,
    `${formatCount(result.disordered)} out of order`,
  ];
  return style.red(`Does NOT balance: ${faults.join(", ")}.`);
}

/** What is printed besides the ledger with --json. */
export interface ReportContext {
  readonly loops: number;
  readonly seed: number;
  /** Where the journal is, if it is kept. */
  readonly directory: string | undefined;
}

/** The ledger as one JSON object, with totals over all groups. */
export function ledgerAsJson(result: DemoResult, context: ReportContext): string {
  const sum = (of: (line: LedgerLine) => number): number => {
    return result.lines.reduce((total, line) => total + of(line), 0);
  };
  return JSON.stringify({
    received: result.received,
    lost: sum((line) => line.lost),
    duplicated: sum((line) => line.duplicated),
    redelivered: sum((line) => line.redelivered),
    deadLettered: sum((line) => line.deadLettered),
    expired: sum((line) => line.expired),
    dropped: sum((line) => line.dropped),
    unexpected: sum((line) => line.unexpected),
    disordered: result.disordered,
    retries: sum((line) => line.retries),
    repeats: result.repeats,
    balanced: result.balanced,
    interrupted: result.interrupted,
    seconds: Number(result.seconds.toFixed(3)),
    ...(result.crash !== undefined && { crash: result.crash }),
    groups: result.lines,
    ...context,
  });
}
