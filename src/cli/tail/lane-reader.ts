// Reads the logs of a channel, one for each priority, as one sequence: what is stored is merged by
// the time of storing, what comes later is given as it comes. Always true: it holds one batch of
// each log, and no message is given twice or left out between the two phases.
import type { Priority } from "../../message/envelope.ts";
import { type Gap, gapEnd, isGap } from "../../ports/gap.ts";
import type { StartPosition, StoredBatch, Transport } from "../../ports/transport.ts";

/** What to read. */
export interface LaneReading {
  readonly channel: string;
  readonly lanes: readonly Priority[];
  readonly from: StartPosition;
  /** Whether to wait for more at the end. */
  readonly follow: boolean;
  /** Ends the reading. */
  readonly signal: AbortSignal;
}

/** What is stored, or a gap where it is gone. */
export type TailElement = StoredBatch | Gap;
/** Takes one of them; the next one of its log is read only after it resolved. */
export type TailSink = (element: TailElement) => Promise<void>;

interface Lane {
  readonly priority: Priority;
  /** Where the next reader of this log starts. */
  from: StartPosition;
}

/** Gives every batch to `sink`; resolves at the end, or when the signal fires. */
export async function readLanes(
  transport: Transport,
  reading: LaneReading,
  sink: TailSink,
): Promise<void> {
  const lanes = reading.lanes.map((priority): Lane => ({ priority, from: reading.from }));
  // Nothing that is stored already comes after "latest".
  if (reading.from !== "latest") await readStored(transport, reading, lanes, sink);
  if (!reading.follow) return;
  await Promise.all(
    lanes.map(async (lane) => {
      for await (const batch of open(transport, reading, lane, true)) {
        await sink(batch);
        if (reading.signal.aborted) return;
      }
    }),
  );
}

async function readStored(
  transport: Transport,
  reading: LaneReading,
  lanes: readonly Lane[],
  sink: TailSink,
): Promise<void> {
  const readers = lanes.map((lane) => ({
    lane,
    batches: open(transport, reading, lane, false)[Symbol.asyncIterator](),
  }));
  const heads = await Promise.all(
    readers.map(async ({ lane, batches }) => ({ lane, batches, head: await nextOf(batches) })),
  );
  while (!reading.signal.aborted) {
    const [first] = heads
      .filter((reader) => reader.head !== undefined)
      .sort((left, right) => timeOf(left.head) - timeOf(right.head));
    if (first?.head === undefined) return;
    const element = first.head;
    first.lane.from = { offset: endOf(element) };
    await sink(element);
    first.head = await nextOf(first.batches);
  }
}

/** Nobody knows when messages that are gone were stored: a gap comes as soon as it is reached. */
function timeOf(element: TailElement | undefined): number {
  return element === undefined || isGap(element) ? 0 : element.appendedAtMs;
}

function endOf(element: TailElement): number {
  return isGap(element) ? gapEnd(element) : element.offsetAt(element.count - 1) + 1;
}

function open(
  transport: Transport,
  reading: LaneReading,
  lane: Lane,
  follow: boolean,
): AsyncIterable<TailElement> {
  const { channel, signal } = reading;
  return transport.read(channel, { from: lane.from, priority: lane.priority, follow, signal });
}

async function nextOf(batches: AsyncIterator<TailElement>): Promise<TailElement | undefined> {
  const next = await batches.next();
  return next.done === true ? undefined : next.value;
}
