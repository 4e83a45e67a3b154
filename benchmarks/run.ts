// The bench: `npm run bench -- <scenario> [--json]`. Interleaves Spillway with its bare baseline
// and prints medians, spread, CPU time and the ratio, beside the disk's own fsync. Trials (trials/)
// are held against a bound of their own instead, studies compare Spillway with others.
import { parseArgs } from "node:util";
import { exitOnSignals } from "./leavings.ts";
import {
  measureFsync,
  median,
  ratioOf,
  runRounds,
  runSide,
  type RunSize,
  spread,
} from "./measure.ts";
import { progressOf } from "./progress.ts";
import { type SizeName, sizes } from "./payloads.ts";
import { type Scenario, scenarios } from "./scenarios.ts";
import { studies } from "./studies.ts";
import { trials } from "./trials/index.ts";
import { runTrial } from "./trials/run-trial.ts";

const usage = `usage: npm run bench -- [scenario …] [--size 100B|1KB|100KB] [--groups N]
                       [--processes N] [--rounds N] [--messages N] [--json] [--check] [--list]
       npm run bench -- trial … [--rounds N] [--seconds N] [--messages N] [--gibibytes N]
                       [--limit-seconds N] [--plot FILE.svg] [--json] [--check]
       npm run bench -- peers [--rounds N] [--messages N] [--size SIZE] [--json] [--check]
       npm run bench -- sync-vs-async [--quick] [--seconds N] [--json] [--from FILE]
scenarios: ${Object.keys(scenarios).join(", ")} (default: all)
trials: ${Object.keys(trials).join(", ")}
studies: ${Object.keys(studies).join(", ")}`;

interface Report {
  readonly scenario: string;
  readonly size: SizeName;
  readonly groups: number;
  readonly processes: number;
  readonly rounds: number;
  readonly messagesPerSecond: number;
  readonly bare: number;
  readonly ratio: number;
  readonly ratioMin: number | undefined;
  readonly spread: number;
  readonly bareSpread: number;
  readonly cpuMicrosecondsPerMessage: number;
  readonly bareCpuMicrosecondsPerMessage: number;
  readonly fsyncP50Ms: number;
  readonly fsyncP99Ms: number;
}

function fail(message: string): never {
  console.error(`bench: ${message}\n${usage}`);
  process.exit(2);
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    fail(`--${name} is '${text}': give a whole number from 1`);
  return value;
}

function optional(name: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : wholeNumber(name, text);
}

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        size: { type: "string", default: "100B" },
        groups: { type: "string", default: "1" },
        processes: { type: "string", default: "1" },
        rounds: { type: "string", default: "5" },
        messages: { type: "string" },
        seconds: { type: "string" },
        gibibytes: { type: "string", default: "1" },
        "limit-seconds": { type: "string" },
        plot: { type: "string" },
        from: { type: "string" },
        quick: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        check: { type: "boolean", default: false },
        list: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    return fail((error as Error).message);
  }
}

async function runScenario(
  name: string,
  scenario: Scenario,
  sizeName: SizeName,
  size: RunSize,
  rounds: number,
): Promise<Report> {
  const fsync = measureFsync();
  const bareSize = { ...size, processes: bareProcesses(scenario, size) };
  const progress = progressOf(name);
  const { bare, spillway } = await runRounds(
    {
      bare: () => runSide(scenario.bare, bareSize),
      spillway: () => runSide(scenario.spillway, size),
    },
    rounds,
    progress.say,
  );
  progress.end();
  const rates = spillway.map((sample) => sample.messagesPerSecond);
  const bareRates = bare.map((sample) => sample.messagesPerSecond);
  const rounded = (value: number, digits: number): number => Number(value.toFixed(digits));
  return {
    scenario: name,
    size: sizeName,
    groups: size.groups,
    processes: size.processes,
    rounds,
    messagesPerSecond: Math.round(median(rates)),
    bare: Math.round(median(bareRates)),
    ratio: rounded(ratioOf(spillway, bare), 3),
    ratioMin: scenario.ratioMin,
    spread: rounded(spread(rates), 3),
    bareSpread: rounded(spread(bareRates), 3),
    cpuMicrosecondsPerMessage: rounded(median(spillway.map((s) => s.cpuMicrosecondsPerMessage)), 2),
    bareCpuMicrosecondsPerMessage: rounded(median(bare.map((s) => s.cpuMicrosecondsPerMessage)), 2),
    fsyncP50Ms: rounded(fsync.p50Ms, 3),
    fsyncP99Ms: rounded(fsync.p99Ms, 3),
  };
}

/** The bare loops are written for one process: with more, the baseline stays that one loop. */
function bareProcesses(scenario: Scenario, size: RunSize): number {
  const isBare = scenario.bare.part.includes("Bare");
  return isBare ? 1 : size.processes;
}

function print(report: Report): void {
  const rate = (value: number): string => `${value.toLocaleString("en-US")}/s`;
  const verdict =
    report.ratioMin === undefined
      ? ""
      : report.ratio >= report.ratioMin
        ? "  ok"
        : "  BELOW TARGET";
  const target = report.ratioMin === undefined ? "" : ` (target ${report.ratioMin})`;
  console.log(
    `${report.scenario} ${report.size} groups=${report.groups} processes=${report.processes}\n` +
      `  spillway ${rate(report.messagesPerSecond)} (spread ${report.spread}, ` +
      `${report.cpuMicrosecondsPerMessage} µs CPU a message)\n` +
      `  bare     ${rate(report.bare)} (spread ${report.bareSpread}, ` +
      `${report.bareCpuMicrosecondsPerMessage} µs CPU a message): ` +
      `${scenarios[report.scenario]?.baseline}\n` +
      `  ratio    ${report.ratio}${target}${verdict}\n` +
      `  disk     4 KiB fdatasync p50 ${report.fsyncP50Ms} ms, p99 ${report.fsyncP99Ms} ms`,
  );
}

exitOnSignals();
const { values, positionals } = parse();
if (values.help) {
  console.log(usage);
  process.exit(0);
}
if (values.list) {
  for (const [name, each] of Object.entries({ ...scenarios, ...trials, ...studies })) {
    const beside = "baseline" in each ? `; beside ${each.baseline}` : "";
    console.log(`${name}: ${each.description}${beside}`);
  }
  process.exit(0);
}
const asked = positionals.length === 0 ? Object.keys(scenarios) : positionals;
const unknown = asked.find((name) => !(name in scenarios || name in trials || name in studies));
if (unknown !== undefined) fail(`there is no scenario '${unknown}'`);
const names = asked.filter((name) => scenarios[name] !== undefined);
if (!(values.size in sizes))
  fail(`--size is '${values.size}': give ${Object.keys(sizes).join(", ")}`);
const sizeName = values.size as SizeName;
const bytes = sizes[sizeName];
const reports: Report[] = [];
for (const name of names) {
  const scenario = scenarios[name] as Scenario;
  const groups = wholeNumber("groups", values.groups);
  const wanted =
    values.messages === undefined
      ? Math.max(2_000, scenario.messages / groups / Math.max(1, bytes / 200))
      : wholeNumber("messages", values.messages);
  const size: RunSize = {
    bytes,
    groups,
    messages: Math.max(500, Math.ceil(wanted / 500) * 500),
    processes: wholeNumber("processes", values.processes),
    window: Math.max(64, Math.min(2_000, Math.floor(8_388_608 / bytes))),
    consumes: scenario.consumes,
  };
  const report = await runScenario(
    name,
    scenario,
    sizeName,
    size,
    wholeNumber("rounds", values.rounds),
  );
  reports.push(report);
  if (!values.json) print(report);
}
if (values.json && reports.length > 0) {
  console.log(JSON.stringify(reports.length === 1 ? reports[0] : reports));
}
const missed = reports
  .filter(({ ratio, ratioMin = 0 }) => ratio < ratioMin)
  .map(({ scenario, ratio, ratioMin }) => `${scenario}: ratio ${ratio} (at least ${ratioMin})`);
for (const name of asked) {
  const trial = trials[name];
  if (trial === undefined) continue;
  const options = {
    seconds: optional("seconds", values.seconds),
    rounds: wholeNumber("rounds", values.rounds),
    gibibytes: wholeNumber("gibibytes", values.gibibytes),
    messages: optional("messages", values.messages),
    limitSeconds: optional("limit-seconds", values["limit-seconds"]),
  };
  missed.push(...(await runTrial(name, trial, options, { json: values.json, plot: values.plot })));
}
for (const name of asked) {
  const study = studies[name];
  if (study === undefined) continue;
  const options = {
    rounds: wholeNumber("rounds", values.rounds),
    messages: optional("messages", values.messages),
    bytes,
    json: values.json,
    seconds: optional("seconds", values.seconds),
    quick: values.quick,
    from: values.from,
  };
  missed.push(...(await study.run(options)));
}
if (values.check && missed.length > 0) {
  console.error(`bench: target missed: ${missed.join(", ")}`);
  process.exit(1);
}
