// The handler of a simulated group: what it does with each message, by the message's fate, and what
// is noted of it. Owns how often each message failed, over all lives of all processes. Always true:
// a handler call is noted once as begun and at most once as ended; what it publishes and changes is
// what the verdict expects of a call that went well.
import { Reject, RetryLater } from "../../errors/handler-outcomes.ts";
import { delay } from "../../kernel/clock.ts";
import { CallBounds } from "./call-bounds.ts";
import { CallRules } from "./call-rules.ts";
import { judgeExpiry } from "./expiry-rules.ts";
import { PriorityRules } from "./priority-rules.ts";
import { type Call, logName, messageId, resultId } from "./recorder.ts";
import { fateOf, type GroupPlan } from "./scenario.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import type { World } from "./world.ts";

/** A failure like any other. */
export class SimulatedError extends Error {}
/** A failure of something that the handlers of a group need. */
export class OutageError extends Error {}

/** When the handlers of a group that pauses find what they need down, virtual milliseconds. */
export const outage = { fromMs: 1_200, toMs: 2_000 } as const;
/** How long a handler may take. */
export const handlerTimeoutMs = 1_000;

/** What of a message and its context the handler needs. */
export interface Delivered {
  readonly data: { readonly n: number; readonly key: string };
  readonly channel: string;
  readonly priority: "high" | "normal" | "low";
  readonly offset: number;
  readonly expiresAtMs?: number | undefined;
}

/** See the head of this file. */
export class GroupHandler {
  readonly plan: GroupPlan;
  readonly #world: World;
  readonly #isMended: () => boolean;
  readonly #rules: CallRules;
  readonly #priorities: PriorityRules;
  readonly #bounds = new WeakMap<SimulatedProcess, CallBounds>();
  readonly #failed = new Map<number, number>();
  /** Keys whose handler runs, with the process in which it does. */
  readonly #running = new Map<string, Call>();
  readonly #ended = new WeakSet<Call>();
  /** Calls that run, with the bounds that they count for. */
  readonly #counted = new Map<Call, CallBounds>();

  constructor(world: World, plan: GroupPlan, isMended: () => boolean) {
    this.#world = world;
    this.plan = plan;
    this.#isMended = isMended;
    this.#rules = new CallRules(plan, world);
    this.#priorities = new PriorityRules(plan, world);
  }

  /** One call; `work` is done between its beginning and its end. */
  async handle<Result>(
    process: SimulatedProcess,
    message: Delivered,
    context: { readonly attempt: number; readonly signal: AbortSignal },
    work: () => Promise<Result>,
  ): Promise<Result> {
    const call = this.#callOf(process, message, context.attempt);
    if (!process.hasEnded) this.#count(call, process, context.signal, message.expiresAtMs);
    const beginning = this.#world.pass(process, "handler-start");
    if (beginning !== undefined) await beginning;
    this.#begin(call, process, context.signal);
    try {
      await this.#before(call, process, context.signal);
      const result = await work();
      await this.#after(call, process);
      this.#finish(call, process, "done");
      return result;
    } catch (error) {
      if (context.signal.aborted) this.#finish(call, process, "abandoned");
      else this.#finish(call, process, this.#outcomeOf(error), waitMsOf(error));
      throw error;
    }
  }

  /** A call counts from the moment in which the bus makes it, until it ends or is taken away. */
  #count(
    call: Call,
    process: SimulatedProcess,
    signal: AbortSignal,
    expiresAtMs = Number.POSITIVE_INFINITY,
  ): void {
    const bounds = this.#bounds.get(process) ?? new CallBounds(this.plan, process.clock);
    this.#bounds.set(process, bounds);
    this.#rules.begun(call, process);
    this.#priorities.begun(call, process);
    const excess = bounds.begun();
    if (excess !== undefined) this.#world.recorder.trouble(`${excess} (${process.name})`);
    const late = judgeExpiry(call, expiresAtMs, process.clock.wallMs());
    if (late !== undefined) this.#world.recorder.trouble(late);
    this.#counted.set(call, bounds);
    signal.addEventListener("abort", () => this.#discount(call), { once: true });
  }

  #discount(call: Call): void {
    this.#counted.get(call)?.ended();
    this.#counted.delete(call);
  }

  #callOf({ name }: SimulatedProcess, message: Delivered, attempt: number): Call {
    const { data, channel, priority, offset } = message;
    const id = channel === "results" ? resultId(data.n) : messageId(data.n);
    const log = logName(channel, priority);
    const { key, n } = data;
    return { group: this.plan.name, member: name, log, offset, id, key, n, attempt };
  }

  #begin(call: Call, process: SimulatedProcess, signal: AbortSignal): void {
    const { recorder } = this.#world;
    // What it read of the state may have changed: then it is called again before it is settled.
    recorder.delivered(call, this.plan.delivery === "effectively-once");
    if (this.plan.order === "key") this.#assertAlone(call, process, signal);
    signal.addEventListener("abort", () => this.#aborted(call, process, signal), { once: true });
  }

  #assertAlone(call: Call, process: SimulatedProcess, signal: AbortSignal): void {
    const place = `${process.name} ${call.log} ${call.key}`;
    const other = this.#running.get(place);
    if (other !== undefined) {
      this.#world.recorder.trouble(
        `group ${call.group}: ${call.id} is handled while ${other.id} of its key is (${place})`,
      );
    }
    if (!signal.aborted) this.#running.set(place, call);
  }

  /** Its time was up, or its keys were lost: whatever it does now does not count. */
  #aborted(call: Call, process: SimulatedProcess, signal: AbortSignal): void {
    const { reason } = signal as { readonly reason: unknown };
    const isTimeout =
      reason instanceof Error && "code" in reason && reason.code === "HANDLER_TIMEOUT";
    this.#finish(call, process, isTimeout ? "failed" : "abandoned");
  }

  async #before(call: Call, process: SimulatedProcess, signal: AbortSignal): Promise<void> {
    const { workMsMax, pauses } = this.plan;
    const { nowMs, scenario } = this.#world;
    if (pauses && nowMs >= outage.fromMs && nowMs < outage.toMs) throw new OutageError("down");
    const fate = fateOf(scenario.seed, call.group, call.n);
    const failed = this.#failed.get(call.n) ?? 0;
    if (!this.#isMended()) {
      if (fate.kind === "rejected") throw new Reject("rejected");
      if (fate.kind === "poison") throw new SimulatedError("poison");
    }
    if (fate.kind === "hangs" && failed === 0) {
      this.#failed.set(call.n, 1);
      await delay(process.clock, Number.MAX_SAFE_INTEGER, signal);
    }
    if (fate.kind === "fails" && !fate.late) this.#failUpTo(fate.times, call.n);
    if (workMsMax > 0) await delay(process.clock, call.n % 2 === 0 ? workMsMax : workMsMax / 2);
  }

  #failUpTo(times: number, n: number): void {
    const failed = this.#failed.get(n) ?? 0;
    if (failed >= times) return;
    this.#failed.set(n, failed + 1);
    if (n % 5 === 0) throw new RetryLater({ afterMs: 30 });
    throw new SimulatedError(`failure ${failed + 1}`);
  }

  async #after({ group, n }: Call, process: SimulatedProcess): Promise<void> {
    const ending = this.#world.pass(process, "handler-end");
    if (ending !== undefined) await ending;
    const fate = fateOf(this.#world.scenario.seed, group, n);
    if (fate.kind === "fails" && fate.late) this.#failUpTo(fate.times, n);
  }

  #outcomeOf(error: unknown): "failed" | "given-up" | "abandoned" {
    if (error instanceof OutageError) return "abandoned";
    if (error instanceof Reject && this.plan.ending !== "park") return "given-up";
    return "failed";
  }

  /** Notes the end of a call, once. */
  #finish(
    call: Call,
    process: SimulatedProcess,
    outcome: "done" | "failed" | "given-up" | "abandoned",
    waitMs = 0,
  ): void {
    this.#discount(call);
    if (process.hasEnded || this.#ended.has(call)) return;
    this.#ended.add(call);
    this.#rules.ended(call, { isCounted: outcome === "failed", waitMs });
    const place = `${process.name} ${call.log} ${call.key}`;
    if (this.#running.get(place) === call) this.#running.delete(place);
    const { recorder } = this.#world;
    recorder.handled(call, outcome);
    if (outcome === "done" && this.plan.publishes !== "nothing") recorder.caused(call);
  }
}

/** How long the bus must wait after this failure, at the least. */
function waitMsOf(error: unknown): number {
  return error instanceof RetryLater ? error.afterMs : 0;
}
