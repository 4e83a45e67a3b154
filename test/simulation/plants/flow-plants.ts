// Planted bugs of flow control: rates, concurrency, keys that wait, circuits.
import type { Plant } from "./plant.ts";

const flow = "src/flow";

/** See the head of this file. */
export const flowPlants: readonly Plant[] = [
  {
    bug: "a rate lets every third message through",
    like: "row 18: a bound that is not kept",
    changes: [
      {
        file: `${flow}/flow-dispatcher.ts`,
        find: "      if (missing === undefined) {",
        replace: "      if (missing === undefined || waiting.offset % 3 === 0) {",
      },
    ],
    caughtBy: 1,
    finds: /calls a second/,
  },
  {
    bug: "a circuit that opened never closes again",
    like: "row 8: consumers that are stuck",
    changes: [
      {
        file: "src/recovery/circuit.ts",
        find: '    this.#state = "half-open";\n    this.#limit = 1;',
        replace: '    this.#state = "half-open";\n    this.#limit = 0;',
      },
    ],
    caughtBy: 7,
    finds: /stuck/,
  },
  {
    bug: "messages that wait for a token pass others of their key",
    like: "row 9: messages of a key in another order",
    changes: [
      {
        file: `${flow}/key-queues.ts`,
        find: "rest.splice(at, 0, waiting);",
        replace: "rest.splice(Math.max(0, at - 1), 0, waiting);",
      },
    ],
    caughtBy: 1,
    finds: /reorder|had its effect/,
  },
  {
    bug: "a message that leaves the shelf without a handler forgets those behind it",
    like: "row 8: consumers that are stuck",
    changes: [
      {
        file: `${flow}/flow-dispatcher.ts`,
        find: "    this.#show(this.#keys.leave(waiting));",
        replace:
          "    const next = this.#keys.leave(waiting);\n" +
          "    if (waiting.offset % 7 !== 0) this.#show(next);",
      },
    ],
    caughtBy: 1,
    finds: /stuck/,
  },
  {
    bug: "a second tick of a due time fires it again",
    like: "row 14: one event, told twice",
    changes: [
      {
        file: "src/scheduling/schedule.ts",
        find: "row?.definition !== tick.definition || row.dueAtMs !== tick.dueAtMs;",
        replace: "row?.definition !== tick.definition;",
      },
    ],
    caughtBy: 1,
    finds: /beat: .* fired twice/,
  },
  {
    bug: "a schedule does not remember its next time",
    like: "row 8: acknowledged work that stands still without a fault",
    changes: [
      {
        file: "src/scheduling/schedule.ts",
        find: "    await table.set(scheduleKey, next);\n    const firings",
        replace:
          "    if (next.dueAtMs === null) await table.set(scheduleKey, next);\n    const firings",
      },
    ],
    caughtBy: 1,
    finds: /beat: nothing/,
  },
];
