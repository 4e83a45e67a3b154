// A process that runs seeds for the suite: is sent ranges, answers each with what it did. Ends with
// the process that started it.
import { runSeeds, type SeedRange } from "./simulation-run.ts";

process.on("message", (range: SeedRange) => {
  void runSeeds(range).then((totals) => process.send?.(totals));
});
process.on("disconnect", () => process.exit());
