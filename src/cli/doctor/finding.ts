// What a check of the doctor says. Types, and how a finding is printed.
import type { Style } from "../terminal/ansi.ts";

/** The result of one check. */
export interface Finding {
  /** What was looked at, in one or two words. */
  readonly check: string;
  readonly status: "ok" | "warn" | "fail";
  readonly message: string;
  /** What to do, for everything that is not ok. */
  readonly remedy?: string;
}

/** Columns of the longest check name, so that messages stand below each other. */
const checkWidth = 12;

/** A finding as one line, with its remedy after it. */
export function renderFinding(finding: Finding, style: Style): string {
  const paint = { ok: style.green, warn: style.yellow, fail: style.red }[finding.status];
  const head = `${paint(finding.status.padEnd(4))}  ${finding.check.padEnd(checkWidth)}`;
  const remedy = finding.remedy === undefined ? "" : ` → ${finding.remedy}`;
  return `${head}  ${finding.message}${remedy}`;
}
