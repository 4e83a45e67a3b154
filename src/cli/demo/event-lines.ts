// What happened while a demo ran, as lines of text: the same for every demo. Pure.
import type { DemoEvent } from "../../demo/stage/demo-event.ts";
import { clip, type Style } from "../terminal/ansi.ts";

/** Things that happened which a view shows. */
export const eventsShown = 6;

/** Something that happened, and when. */
export interface TimedEvent extends DemoEvent {
  readonly atMs: number;
}

/** The last things that happened; always as many lines. */
export function renderEvents(
  events: readonly TimedEvent[],
  columns: number,
  style: Style,
): readonly string[] {
  const shown = events.slice(-eventsShown).map((event) => renderEvent(event, columns, style));
  return [...shown, ...Array<string>(eventsShown - shown.length).fill("")];
}

/** Something that happened, as one line. */
export function renderEvent(event: TimedEvent, columns: number, style: Style): string {
  const paint = { neutral: (text: string) => text, good: style.green, bad: style.red }[event.mood];
  return `${style.dim(renderTime(event.atMs))}  ${paint(clip(event.text, columns - 11))}`;
}

/** A time since the start, in a column of its own. */
export function renderTime(atMs: number): string {
  return `${(atMs / 1_000).toFixed(1)} s`.padStart(7);
}
