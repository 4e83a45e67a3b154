// Spillway beside brokers: publish with confirmation and consume with acknowledgement, the same
// payload, in turn within one run. Their servers are started here and are private to the run.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { scratch } from "../leavings.ts";
import { median, runSide, type RunSize, type Side, spread } from "../measure.ts";
import type { Study, StudyOptions } from "../study.ts";
import { type PeerName, peerNames } from "./peer-names.ts";
import {
  type Contender,
  type PeersReport,
  printPeers,
  type Rates,
  targets,
} from "./peers-report.ts";
import type { BrokerServer, StartBroker } from "./servers/broker-server.ts";
import { startNats } from "./servers/nats.ts";
import { startRabbitmq } from "./servers/rabbitmq.ts";
import { startRedis } from "./servers/redis.ts";

const starters: Readonly<Record<PeerName, StartBroker>> = {
  nats: startNats,
  rabbitmq: startRabbitmq,
  bullmq: startRedis,
};
/** So that a run takes a second or a few of them, at 100 bytes. */
const messagesOf = { spillway: 600_000, nats: 100_000, rabbitmq: 40_000, bullmq: 20_000 } as const;
/** Publishes of one process that are not confirmed yet, on every side. */
const window = 2_000;

/** Where a contender's work is, and what it is measured by. */
interface Plan {
  readonly contender: Contender;
  readonly publish: Side;
  readonly consume: Side;
  readonly messages: number;
}

const spillway: Plan = {
  contender: {
    name: "spillway",
    version: "this",
    durability: "synchronous=FULL (its default): on disk when acknowledged",
  },
  publish: { part: "publish" },
  consume: { fill: "fill", part: "consume" },
  messages: messagesOf.spillway,
};

export const peersStudy: Study = {
  description: "publish and consume beside NATS JetStream, RabbitMQ and BullMQ",
  async run(options) {
    const root = mkdtempSync(join(scratch(), "spillway-peers-"));
    const servers = new Map<PeerName, BrokerServer>();
    try {
      for (const name of peerNames) {
        const directory = join(root, name);
        mkdirSync(directory);
        const server = await starters[name](directory);
        if (server !== undefined) servers.set(name, server);
      }
      const plans = [spillway, ...[...servers].map(([name, server]) => planOf(name, server))];
      const report = await compare(plans, options);
      if (options.json) console.log(JSON.stringify(report));
      else printPeers(report);
      return report.targets.filter(({ isMet }) => !isMet).map(({ name }) => `peers: ${name}`);
    } finally {
      await Promise.all([...servers.values()].map((server) => server.stop()));
      rmSync(root, { recursive: true, force: true });
    }
  },
};

function planOf(name: PeerName, { address, version, durability }: BrokerServer): Plan {
  return {
    contender: { name, version, durability },
    publish: { part: `${name}-publish`, address },
    consume: { fill: `${name}-fill`, part: `${name}-consume`, address },
    messages: messagesOf[name],
  };
}

/** Every contender once in a round, so that a slow minute of the machine is everybody's. */
async function compare(plans: readonly Plan[], options: StudyOptions): Promise<PeersReport> {
  const samples = plans.map(() => ({ publish: [] as number[], consume: [] as number[] }));
  for (let round = 0; round < options.rounds; round++) {
    for (const [index, plan] of plans.entries()) {
      const rates = samples[index];
      for (const work of ["publish", "consume"] as const) {
        say(`peers: round ${round + 1}/${options.rounds}, ${plan.contender.name} ${work}`);
        const size = { ...sizeOf(plan, options), consumes: work === "consume" };
        rates?.[work].push((await runSide(plan[work], size)).messagesPerSecond);
      }
    }
  }
  say("");
  const contenders = plans.map(({ contender }, index) => {
    const rates = samples[index];
    return {
      ...contender,
      publish: ratesOf(rates?.publish ?? [], samples[0]?.publish ?? []),
      consume: ratesOf(rates?.consume ?? [], samples[0]?.consume ?? []),
    };
  });
  return {
    study: "peers",
    rounds: options.rounds,
    bytes: options.bytes,
    contenders,
    absent: peerNames.filter((name) => !contenders.some((each) => each.name === name)),
    targets: targets(contenders),
  };
}

function sizeOf(plan: Plan, { messages, bytes }: StudyOptions): RunSize {
  const wanted = messages ?? Math.max(2_000, plan.messages / Math.max(1, bytes / 200));
  return {
    bytes,
    // Parts tell what they consumed in hundreds.
    messages: Math.ceil(wanted / 500) * 500,
    groups: 1,
    processes: 1,
    window: Math.max(64, Math.min(window, Math.floor(8_388_608 / bytes))),
    consumes: false,
  };
}

function ratesOf(rates: readonly number[], ours: readonly number[]): Rates {
  const ratios = ours.map((rate, round) => rate / (rates[round] ?? Number.NaN));
  return {
    messagesPerSecond: Math.round(median(rates)),
    spread: Number(spread(rates).toFixed(3)),
    spillwayRatio: Number(median(ratios).toFixed(2)),
  };
}

function say(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${line} `);
}
