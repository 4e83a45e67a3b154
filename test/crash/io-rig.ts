// A worker process whose disk fails at a chosen system call: strace is attached to it while it
// works and makes the k-th call of one kind, on one file of the journal, fail in every thread. What
// the worker did is compared with what the journal holds, by a process whose disk is well.
import { type ChildProcess, fork, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Bus, createBus } from "spillway";
import { embedded } from "spillway/embedded";
import {
  accountCount,
  accountSchema,
  ackedNote,
  leastGroup,
  ledgerGroup,
  mostGroup,
  type Order,
  payments,
  type Report,
} from "./fixtures/payments.ts";

/** Whether faults can be injected at all. */
export const hasStrace: boolean = spawnSync("strace", ["-V"]).status === 0;

/** One fault: what fails, how, and from which call to which. */
export interface Fault {
  /** Undefined: every file. */
  readonly file?: "journal.db" | "journal.db-wal" | "journal.db-shm" | "tail";
  readonly call: "pwrite64" | "fsync" | "fdatasync" | "pread64" | "ftruncate";
  readonly error: "EIO" | "ENOSPC" | "EDQUOT";
  readonly first: number;
  /** Undefined: all, until the fault ends, `lastingMs` after the first one. */
  readonly last?: number;
}

/** How long a fault lasts that has no last call. */
const lastingMs = 100;

/** How long an order may take after its fault has ended; then the worker is stuck. */
const orderMsMax = 30_000;
/** How often it is asked, with a pause between, whether all is well. */
const looksMax = 200;
const opening = /opens (itself )?again/;

export class IoRig {
  readonly directory: string;
  readonly journal: string;
  readonly #notes: string;
  readonly #options: object;
  /** Faults that took place. */
  injected = 0;
  readonly codes = new Set<string>();
  readonly totals = { indefinite: 0, definite: 0, duplicates: 0, payments: 0 };
  #worker: ChildProcess | undefined;
  /** Payments that a killed worker may have made. */
  readonly #unsure = new Set<number>();

  /** `folder`: where the journal lies, on a disk of its own; else beside the notes. */
  constructor(options: object = {}, folder?: string) {
    this.directory = mkdtempSync(join(tmpdir(), "spillway-io-"));
    this.journal = join(folder ?? this.directory, "journal");
    this.#notes = join(this.directory, "notes.txt");
    this.#options = options;
  }

  /** Starts the worker, after the end of the one before; it opens nothing yet. */
  async start(): Promise<void> {
    await this.#kill();
    const path = fileURLToPath(new URL("./fixtures/io-worker.ts", import.meta.url));
    const worker = fork(path, [this.journal, this.#notes, JSON.stringify(this.#options)], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.#worker = worker;
    await once(worker, "message");
  }

  /** Kills the worker in the middle of `count` payments, once `when` has come. */
  async killWhilePublishing(count: number, when: () => Promise<void>): Promise<void> {
    const from = this.totals.payments;
    this.totals.payments += count;
    for (let number = from; number < from + count; number++) this.#unsure.add(number);
    this.#worker?.send({ kind: "publish", from, count } satisfies Order);
    await when();
    await this.#kill();
  }

  async #kill(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined || worker.exitCode !== null || worker.signalCode !== null) return;
    const ended = once(worker, "exit");
    worker.kill("SIGKILL");
    await ended;
  }

  /** Ends the worker, however it is, and removes everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#kill();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Has the worker do something; rejects when it takes too long. */
  async order(order: Order): Promise<Report> {
    const worker = this.#worker as ChildProcess;
    const late = new AbortController();
    const answered = once(worker, "message", { signal: late.signal });
    worker.send(order);
    const timer = setTimeout(() => late.abort(), orderMsMax);
    try {
      const [report] = (await answered) as [Report];
      this.totals.indefinite += report.indefinite;
      this.totals.definite += report.definite;
      this.totals.duplicates += report.duplicates;
      for (const code of report.codes) this.codes.add(code);
      return report;
    } catch {
      worker.send({ kind: "look" } satisfies Order);
      const [report] = (await once(worker, "message")) as [Report];
      throw new Error(
        `stuck: ${JSON.stringify(order)} was not done within ${orderMsMax} ms: ` +
          JSON.stringify(report),
      );
    } finally {
      clearTimeout(timer);
    }
  }

  /** Has the worker publish so many more payments. */
  async publish(count: number): Promise<Report> {
    const from = this.totals.payments;
    this.totals.payments += count;
    return this.order({ kind: "publish", from, count });
  }

  /** Waits until everything is settled and health is well; answers what health said last. */
  drained(): Promise<string> {
    return this.#until("drain", (status) => status.startsWith("ok"));
  }

  /** Waits until the journal is not about to open itself again; answers what health said last. */
  reopened(): Promise<string> {
    return this.#until("look", (status) => !opening.test(status));
  }

  async #until(kind: "drain" | "look", isSo: (status: string) => boolean): Promise<string> {
    for (let attempt = 1; ; attempt++) {
      const { status } = await this.order({ kind });
      if (isSo(status) || attempt === looksMax) return status;
      await pause(50);
    }
  }

  /** Does `work` while the fault takes place; ends the fault once it has, or the work is done. */
  async during(fault: Fault, work: () => Promise<Report>): Promise<Report> {
    const trace = join(this.directory, "trace.txt");
    const { file, call, error, first, last } = fault;
    const when = last === undefined ? `${first}+` : `${first}..${last}`;
    const where = file === undefined ? [] : ["-P", join(this.journal, file)];
    const tracer = spawn(
      "strace",
      ["-f", "-p", `${this.#worker?.pid}`, "-o", trace].concat(
        where,
        ["-e", `trace=${call}`],
        ["-e", `inject=${call}:error=${error}:when=${when}`],
      ),
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    const ended = once(tracer, "exit");
    await once(tracer.stderr, "data");
    tracer.stderr.resume();
    const working = work();
    const injections = (): number => readFileSync(trace, "utf8").split("(INJECTED)").length - 1;
    const isDone = working.then(
      () => true,
      () => true,
    );
    while (!(await Promise.race([isDone, pause(10, false)]))) {
      if (injections() <= (last ?? first) - first) continue;
      if (last === undefined) await pause(lastingMs);
      break;
    }
    tracer.kill("SIGINT");
    await ended;
    this.injected += injections();
    return working;
  }

  /** Closes the worker's journal and compares what it holds with what was done; closes it again. */
  async violations(): Promise<string[]> {
    const found: string[] = [];
    const closed = await this.order({ kind: "close" });
    if (closed.error !== undefined) found.push(`closing: ${closed.error}`);
    const bus = await createBus({
      name: "check",
      transport: embedded({ directory: this.journal }),
      channels: [payments],
    });
    try {
      const times = new Map<number, number>();
      for await (const { data } of bus.read(payments, { from: "earliest" })) {
        times.set(data.number, (times.get(data.number) ?? 0) + 1);
      }
      const acked = new Set(this.#noted(ackedNote));
      for (let number = 0; number < this.totals.payments; number++) {
        const stored = times.get(number) ?? 0;
        const isUnsure = this.#unsure.has(number) && !acked.has(number);
        if (stored === 1 || (isUnsure && stored === 0)) continue;
        found.push(`payment ${number} is stored ${stored} times`);
      }
      if (times.size > this.totals.payments) found.push("there are payments nobody made");
      found.push(...this.#handlings(times), ...(await this.#balance(bus, times.size)));
    } finally {
      await bus.close();
    }
    return found;
  }

  #handlings(stored: ReadonlyMap<number, number>): string[] {
    const least = new Set(this.#noted(leastGroup));
    const most = this.#noted(mostGroup);
    const found: string[] = [];
    if (new Set(most).size < most.length) found.push("a payment was handled twice, at most once");
    const missing = [...stored.keys()].filter((number) => !least.has(number));
    if (missing.length > 0) found.push(`never handled, at least once: ${missing.join(", ")}`);
    return found;
  }

  /** The numbers noted under a name, in order. */
  #noted(name: string): number[] {
    const lines = readFileSync(this.#notes, "utf8").split("\n");
    return lines.flatMap((line) => {
      const [group, text] = line.split(" ");
      return group === name ? [Number(text)] : [];
    });
  }

  async #balance(bus: Bus, made: number): Promise<string[]> {
    const subscription = await bus.subscribe(
      payments,
      { group: ledgerGroup, delivery: "effectively-once", state: { accounts: accountSchema } },
      () => undefined,
    );
    let cents = 0;
    for (let account = 0; account < accountCount; account++) {
      cents += (await subscription.state.accounts.get(`${account}`))?.cents ?? 0;
    }
    return cents === made ? [] : [`ledger: the accounts hold ${cents} cents, ${made} were paid`];
  }
}
