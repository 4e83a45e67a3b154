// What the comparison with brokers found: rates, ratios, the targets they are held against, and how
// all of it is printed.

/** Spillway has to be so many times as fast as the fastest broker's client. */
const ratioMin = { publish: 10, consume: 4 } as const;

/** Who took part. */
export interface Contender {
  readonly name: string;
  readonly version: string;
  /** What is on disk when it acknowledges a message. */
  readonly durability: string;
}

/** What one kind of work gave. */
export interface Rates {
  /** The median of the rounds. */
  readonly messagesPerSecond: number;
  /** (largest − smallest) / median. */
  readonly spread: number;
  /** How many times as fast Spillway was: the median of the rounds. */
  readonly spillwayRatio: number;
}

/** Who took part, with what it reached. */
export interface ContenderResult extends Contender {
  readonly publish: Rates;
  readonly consume: Rates;
}

/** A ratio that has to be reached. */
export interface Target {
  readonly name: string;
  /** Against whom; "" without any peer on this machine. */
  readonly fastest: string;
  readonly ratio: number;
  readonly ratioMin: number;
  readonly isMet: boolean;
}

/** The whole report. */
export interface PeersReport {
  readonly study: "peers";
  readonly rounds: number;
  readonly bytes: number;
  /** Spillway first. */
  readonly contenders: readonly ContenderResult[];
  /** Peers whose servers are not on this machine. */
  readonly absent: readonly string[];
  readonly targets: readonly Target[];
}

/** The targets: what nobody was there to be compared with is not met. */
export function targets([, ...peers]: readonly ContenderResult[]): readonly Target[] {
  return (["publish", "consume"] as const).map((work) => {
    const byRatio = peers.toSorted((a, b) => a[work].spillwayRatio - b[work].spillwayRatio);
    const ratio = byRatio[0]?.[work].spillwayRatio ?? 0;
    return {
      name: work,
      fastest: byRatio[0]?.name ?? "",
      ratio,
      ratioMin: ratioMin[work],
      isMet: ratio >= ratioMin[work],
    };
  });
}

/** Prints it for people. */
export function printPeers(report: PeersReport): void {
  console.log(`peers: ${report.bytes} B, ${report.rounds} rounds, one client process on each side`);
  for (const { name, version, durability, publish, consume } of report.contenders) {
    console.log(
      `  ${name.padEnd(9)} ${rateText("publish", publish)}${rateText("consume", consume)}`,
    );
    console.log(`  ${"".padEnd(9)} ${version}; ${durability}`);
  }
  for (const name of report.absent) console.log(`  ${name.padEnd(9)} absent: no server here`);
  for (const { name, fastest, ratio, ratioMin: wanted, isMet } of report.targets) {
    const verdict = isMet ? "ok" : "BELOW TARGET";
    const against = fastest === "" ? "nobody to compare with" : `${ratio} times ${fastest}`;
    console.log(`  ${name.padEnd(9)} ${against} (target ${wanted} times)  ${verdict}`);
  }
}

function rateText(work: string, { messagesPerSecond, spread }: Rates): string {
  const rate = `${messagesPerSecond.toLocaleString("en-US")}/s`;
  return `${work} ${rate.padStart(11)} (spread ${spread.toFixed(2)})  `;
}
