// The checks for damage that need no long look: whether the journal ends where its tail says, what
// opening it found, and which gaps it has. `spillway verify` looks at everything.
import type { ConnectionOptions } from "../../adapters/embedded/journal/connection.ts";
import { inspectJournal, type Soundness } from "../../adapters/embedded/journal/soundness.ts";
import { listGaps } from "../../adapters/embedded/inspection/known-gaps.ts";
import { errorCodes } from "../../errors/error-codes.ts";
import { SpillwayError } from "../../errors/spillway-error.ts";
import type { Clock } from "../../kernel/clock.ts";
import { counted, formatCount } from "../terminal/number-format.ts";
import type { Finding } from "./finding.ts";

const busyTimeoutMs = 5_000;
/** Most gaps and reasons that one line names. */
const namedMax = 3;

/** Whether the journal is sound as far as opening it shows; before anything opens it to write. */
export function checkSoundness(directory: string, clock: Clock): Finding {
  const check = "damage";
  const options: ConnectionOptions = { clock, durability: "fsync", busyTimeoutMs };
  let soundness: Soundness;
  try {
    soundness = inspectJournal(directory, options);
  } catch (error) {
    if (!(error instanceof SpillwayError)) throw error;
    const { code, message } = error;
    return {
      check,
      status: "fail",
      message: `${code}: ${message}`,
      remedy: errorCodes[code].remedy,
    };
  }
  if (soundness.kind === "new") return { check, status: "ok", message: "there is no journal yet" };
  if (soundness.kind === "sound") {
    const [doubt] = soundness.doubts;
    if (doubt === undefined) {
      return { check, status: "ok", message: "none found; it ends where its tail says" };
    }
    const remedy = "look at all of it: spillway verify";
    return { check, status: "warn", message: listed(soundness.doubts, "; "), remedy };
  }
  const { reasons, isLoss } = soundness.damage;
  const remedy = isLoss
    ? "spillway repair may still find it; spillway verify --accept-loss goes on without it"
    : "stop the services, then: spillway repair --to NEW";
  return { check, status: "fail", message: listed(reasons, "; "), remedy };
}

/** Which messages are known to be gone. */
export function checkGaps(directory: string, clock: Clock): Finding {
  const check = "gaps";
  try {
    const gaps = listGaps(directory, { clock, durability: "fsync", busyTimeoutMs });
    if (gaps.length === 0) return { check, status: "ok", message: "none" };
    const messages = gaps.reduce((sum, gap) => sum + gap.toOffset - gap.fromOffset, 0);
    const names = gaps.map(({ channel, priority, fromOffset, toOffset, reason }) => {
      return `'${channel}' (${priority}) ${fromOffset} to ${toOffset - 1} (${reason})`;
    });
    const gone = counted(messages, "message is", "messages are");
    const message = `${gone} gone: ${listed(names, ", ")}`;
    const remedy = "bring them from their source again, where somebody needs them";
    return { check, status: "warn", message, remedy };
  } catch (error) {
    if (!(error instanceof SpillwayError)) throw error;
    // What cannot be opened is another check's finding.
    return { check, status: "warn", message: `cannot be read: ${error.code}` };
  }
}

function listed(names: readonly string[], separator: string): string {
  const more = names.length - namedMax;
  const shown = names.slice(0, namedMax).join(separator);
  return more > 0 ? `${shown} and ${formatCount(more)} more` : shown;
}
