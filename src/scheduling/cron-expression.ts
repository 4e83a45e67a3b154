// A cron expression in a time zone: the only place that knows the library which reads them. Knows
// nothing of schedules. Always true: due times are whole seconds of wall time; the hour that
// daylight saving skips fires once, when the clock jumps; the hour that it repeats fires once.
import { Cron } from "croner";
import { SpillwayError } from "../errors/spillway-error.ts";
import { formatTime } from "../kernel/timestamp.ts";

const secondMs = 1_000;

/** See the head of this file. */
export class CronExpression {
  readonly #cron: Cron;

  /** Throws INVALID_ARGUMENT for an expression or a time zone that cannot be used. */
  constructor(expression: string, timeZone: string) {
    try {
      this.#cron = new Cron(expression, { timezone: timeZone });
      // The zone is looked at only when a time is asked for.
      this.#cron.nextRun(formatTime(0));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new SpillwayError(
        "INVALID_ARGUMENT",
        `cron ${JSON.stringify(expression)} in time zone ${JSON.stringify(timeZone)} cannot be ` +
          `used (${reason}): give five fields (minute, hour, day, month, weekday), or six with ` +
          "seconds first, and a zone such as 'Europe/Zurich'",
        { cause: error, details: { cron: expression, timeZone } },
      );
    }
  }

  /** The first due time after a wall time; undefined where there is none any more. */
  after(wallMs: number): number | undefined {
    return this.#cron.nextRun(formatTime(wallMs))?.getTime();
  }

  /** The newest due times up to a wall time, that one included: oldest first, at most so many. */
  upTo(wallMs: number, countMax: number): number[] {
    const untilMs = Math.floor(wallMs / secondMs) * secondMs + secondMs;
    const runs = this.#cron.previousRuns(countMax, formatTime(untilMs));
    return runs.map((run) => run.getTime()).toReversed();
  }
}
