// How the running demo is shown: a view that is drawn in place on a terminal, plain lines now and
// then where output is piped, nothing with --json. It owns the view and the list of events.
import type { DemoEvent } from "../../demo/webhooks/demo-options.ts";
import type { DemoView } from "../../demo/webhooks/webhooks-demo.ts";
import type { CommandIo } from "../command.ts";
import { LiveView } from "../terminal/live-view.ts";
import { eventsShown, renderDemo, renderEvent, renderPlain, type TimedEvent } from "./demo-view.ts";

/** Time between two plain lines. */
const plainLineMs = 2_000;
/** Columns of a plain line. */
const plainColumns = 100;

/** Where the demo appears while it runs. */
export interface DemoScreen {
  update(): void;
  tell(event: DemoEvent): void;
  close(): void;
}

/** The screen that suits the output. */
export function demoScreen(io: CommandIo, json: boolean, view: () => DemoView): DemoScreen {
  if (json) return { update: () => undefined, tell: () => undefined, close: () => undefined };
  return io.stdout.isTerminal ? terminalScreen(io, view) : plainScreen(io, view);
}

function terminalScreen(io: CommandIo, view: () => DemoView): DemoScreen {
  const events: TimedEvent[] = [];
  const { stdout, clock } = io;
  const live = new LiveView(stdout, clock, (columns) => {
    return renderDemo(view(), events, columns, stdout.style);
  });
  return {
    update: () => live.refresh(),
    tell(event) {
      events.push({ ...event, atMs: view().elapsedMs });
      if (events.length > eventsShown) events.shift();
      live.refresh();
    },
    close: () => live.close(),
  };
}

function plainScreen(io: CommandIo, view: () => DemoView): DemoScreen {
  const { stdout, clock } = io;
  let nextMs = clock.monotonicMs();
  return {
    update() {
      if (clock.monotonicMs() < nextMs) return;
      nextMs = clock.monotonicMs() + plainLineMs;
      stdout.write(`${renderPlain(view())}\n`);
    },
    tell(event) {
      const timed = { ...event, atMs: view().elapsedMs };
      stdout.write(`${renderEvent(timed, plainColumns, stdout.style)}\n`);
    },
    close: () => undefined,
  };
}
