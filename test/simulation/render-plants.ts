// The table of planted bugs for people: docs/reference/planted-bugs.md.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { plants, seedsToCatchMax } from "./planted-bugs.ts";

/** Where the table is. */
export const plantsPage = fileURLToPath(
  new URL("../../docs/reference/planted-bugs.md", import.meta.url),
);

/** The page as the plants say it. */
export function renderPlants(): string {
  const rows = plants.map(({ bug, like, caughtBy }) => `| ${bug} | ${like} | ${caughtBy} |`);
  return [
    "# Planted bugs",
    "",
    "Each of these bugs is put into a copy of the sources, and the simulation",
    `must catch it within ${seedsToCatchMax} seeds. "Row" is a row of the list of bugs found`,
    "in well-known systems, by which the tests were planned. Written by",
    "`node test/simulation/render-plants.ts`.",
    "",
    "| bug | like | seeds to catch it |",
    "| --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(plantsPage, renderPlants());
