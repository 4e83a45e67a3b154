// Timestamps as text: RFC 3339, the form that other systems read and write. Always true: what
// formatTime() gives, parseTime() reads back to the same millisecond.

/** The text of a wall time in UTC with milliseconds, as in 2030-01-31T12:00:00.000Z. */
export function formatTime(wallMs: number): string {
  return new Date(wallMs).toISOString();
}

/** The years 0 to 9999: what RFC 3339 can say in UTC. */
const firstMs = Date.parse("0000-01-01T00:00:00.000Z");
const lastMs = Date.parse("9999-12-31T23:59:59.999Z");

const clockTime = /(\d\d:\d\d):(\d\d)(?:\.(\d{1,30}))?/.source;
const offset = /([+-])([01]\d|2[0-3]):([0-5]\d)/.source;
const timestamp = new RegExp(`^(\\d{4}-\\d\\d-\\d\\d)[Tt]${clockTime}(?:[Zz]|${offset})$`);

/**
 * The wall time of an RFC 3339 timestamp in milliseconds, or undefined where it is none. A finer
 * fraction is cut off; a leap second (:60) counts as the second after it.
 */
export function parseTime(text: string): number | undefined {
  const parts = timestamp.exec(text);
  if (parts === null) return undefined;
  const [, day = "", minute = "", seconds = "", fraction = "", sign, hours, minutes] = parts;
  const leap = seconds === "60";
  const milliseconds = fraction.slice(0, 3).padEnd(3, "0");
  const local = `${day}T${minute}:${leap ? "59" : seconds}.${milliseconds}Z`;
  const localMs = Date.parse(local);
  // The parser turns 30 February into 2 March: only what it gives back unchanged is a date.
  if (Number.isNaN(localMs) || formatTime(localMs) !== local) return undefined;
  const offsetMs = sign === undefined ? 0 : (Number(hours) * 60 + Number(minutes)) * 60_000;
  const wallMs = localMs + (leap ? 1_000 : 0) - (sign === "-" ? -offsetMs : offsetMs);
  return wallMs < firstMs || wallMs > lastMs ? undefined : wallMs;
}
