// How a running demo is shown: a view that is drawn in place on a terminal, plain lines now and
// then where output is piped, nothing with --json. It owns the view and the list of events; what a
// frame looks like is each demo's own business.
import type { DemoEvent } from "../../demo/stage/demo-event.ts";
import type { CommandIo } from "../command.ts";
import type { Style } from "../terminal/ansi.ts";
import { LiveView } from "../terminal/live-view.ts";
import { eventsShown, renderEvent, type TimedEvent } from "./event-lines.ts";

/** Time between two plain lines. */
const plainLineMs = 2_000;
/** Columns of a plain line. */
const plainColumns = 100;

/** Where a demo appears while it runs. */
export interface DemoScreen {
  update(): void;
  tell(event: DemoEvent): void;
  close(): void;
}

/** What a demo looks like. */
export interface DemoPicture {
  elapsedMs(): number;
  /** A whole frame. */
  frame(events: readonly TimedEvent[], columns: number, style: Style): readonly string[];
  /** The numbers as one line. */
  line(): string;
}

/** The screen that suits the output. */
export function demoScreen(io: CommandIo, json: boolean, picture: DemoPicture): DemoScreen {
  if (json) return { update: () => undefined, tell: () => undefined, close: () => undefined };
  return io.stdout.isTerminal ? terminalScreen(io, picture) : plainScreen(io, picture);
}

function terminalScreen(io: CommandIo, picture: DemoPicture): DemoScreen {
  const events: TimedEvent[] = [];
  const { stdout, clock } = io;
  const live = new LiveView(stdout, clock, (columns) => {
    return picture.frame(events, columns, stdout.style);
  });
  return {
    update: () => live.refresh(),
    tell(event) {
      events.push({ ...event, atMs: picture.elapsedMs() });
      if (events.length > eventsShown) events.shift();
      live.refresh();
    },
    close: () => live.close(),
  };
}

function plainScreen(io: CommandIo, picture: DemoPicture): DemoScreen {
  const { stdout, clock } = io;
  let nextMs = clock.monotonicMs();
  return {
    update() {
      if (clock.monotonicMs() < nextMs) return;
      nextMs = clock.monotonicMs() + plainLineMs;
      stdout.write(`${picture.line()}\n`);
    },
    tell(event) {
      const timed = { ...event, atMs: picture.elapsedMs() };
      stdout.write(`${renderEvent(timed, plainColumns, stdout.style)}\n`);
    },
    close: () => undefined,
  };
}
