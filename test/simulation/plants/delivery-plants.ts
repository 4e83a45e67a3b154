// Planted bugs of delivery and recovery: order, attempts, retries, dead letters, what is parked.
import type { Plant } from "./plant.ts";

const delivery = "src/delivery";

/** See the head of this file. */
export const deliveryPlants: readonly Plant[] = [
  {
    bug: "a publish is acknowledged before its commit",
    like: "row 1: acknowledged and lost",
    changes: [
      {
        file: "src/bus/appends.ts",
        find: "const results = await transport.append(batches.map((each) => each.batch));",
        replace: `void transport.append(batches.map((each) => each.batch)).catch(() => undefined);
      const results = batches.map(() => ({ firstOffset: 0 }) as AppendResult);`,
      },
    ],
    caughtBy: 1,
    finds: /lost|inconsistent-offset/,
  },
  {
    bug: "a dead letter is written, and its message is not acknowledged",
    like: "row 12: poison messages that loop for ever",
    changes: [
      {
        file: "src/delivery/outcomes.ts",
        find:
          'this.#note({ batch, position }, "failed", verdict.reason);\n' +
          "    this.#settler.ack(batch, position, open);",
        replace:
          'this.#note({ batch, position }, "failed", verdict.reason);\n' +
          "    if (batch.stored.offsetAt(record) % 3 !== 0)\n" +
          "      this.#settler.ack(batch, position, open);\n" +
          "    else this.#keep({ batch, position, open } as HandlerRun, 1, 0, []);",
      },
    ],
    caughtBy: 1,
    finds: /dead letters|stuck|non-monotonic|has attempt/,
  },
  {
    bug: "several messages of a key are handled at once",
    like: "row 9: messages of a key in another order",
    changes: [
      {
        file: "src/delivery/dispatcher.ts",
        find: "if (this.#out[slot] === 0) {",
        replace: "if (this.#out[slot] === 0 || position % 5 === 0) {",
      },
    ],
    caughtBy: 2,
    finds: /while|reorder|had its effect/,
  },
  {
    bug: "attempts begin anew after the second one",
    like: "row 12: poison messages that loop for ever",
    changes: [
      {
        file: `${delivery}/outcomes.ts`,
        find: 'const entry = { attempt, dueAtMs, reason: "retry", failures } as const;',
        replace:
          'const entry = { attempt: attempt % 3, dueAtMs, reason: "retry", failures } as const;',
      },
    ],
    caughtBy: 1,
    finds: /has attempt/,
  },
  {
    bug: "a retry does not wait",
    like: "row 12: poison messages without a bound",
    changes: [
      {
        file: `${delivery}/outcomes.ts`,
        find: "const dueAtMs = this.#parts.environment.clock.wallMs() + afterMs;",
        replace: "const dueAtMs = this.#parts.environment.clock.wallMs() + Math.min(afterMs, 1);",
      },
    ],
    caughtBy: 1,
    finds: /too early/,
  },
  {
    bug: "a dead letter is written twice",
    like: "row 14: one event, told twice",
    changes: [
      {
        file: `${delivery}/outcomes.ts`,
        find: "    this.#settler.tally.deadLettered++;",
        replace:
          "    this.#settler.tally.deadLettered++;\n" +
          "    const { outgoing } = this.#settler.unit;\n" +
          "    const around = contextOf(this.#parts, stored, record, wallMs);\n" +
          "    const context = { ...around, horizonMs: 0 };\n" +
          "    const again = () => deadLetterAttributes(stored, record, context, all);\n" +
          "    if (stored.offsetAt(record) % 5 === 0)\n" +
          "      outgoing.addCopy(this.#deadLetters, stored, record, again);",
      },
    ],
    caughtBy: 1,
    finds: /dead letters/,
  },
  {
    bug: "of the parked messages of a key the last goes first",
    like: "row 9: messages of a key in another order",
    changes: [
      {
        file: `${delivery}/open-messages.ts`,
        find: "      line.parked.shift();\n      line.outstanding++;\n      this.#release(first);",
        replace:
          "      const last = line.parked.pop() ?? first;\n      line.outstanding++;\n" +
          "      this.#release(last);",
      },
    ],
    caughtBy: 2,
    finds: /reorder|had its effect/,
  },
  {
    bug: "a handler whose time is up keeps its key for ever",
    like: "row 8: consumers that are stuck",
    changes: [
      {
        file: `${delivery}/handling.ts`,
        find: "    return this.#admitting.free(run.batch, run.position);",
        replace: "    return false;",
      },
    ],
    caughtBy: 3,
    finds: /stuck/,
  },
  {
    bug: "what a handler published stays in the unit when its call is refused",
    like: "row 13: a transaction that is torn",
    changes: [
      {
        file: `${delivery}/settler.ts`,
        find: "    this.tally = new Tally();\n    this.refusal = undefined;",
        replace:
          "    for (const { builder } of refused)\n" +
          "      this.unit.outgoing.carry(builder.outgoing, []);\n" +
          "    this.tally = new Tally();\n    this.refusal = undefined;",
      },
    ],
    caughtBy: 1,
    finds: /results|dead letters|duplicate|fired twice/,
  },
  {
    bug: "what has expired is handled all the same",
    like: "row 9: stale messages",
    changes: [
      {
        file: `${delivery}/admitting.ts`,
        find: "if (expiresAtMs > this.#parts.environment.clock.wallMs()) return false;",
        replace: "if (expiresAtMs > 0) return false;",
      },
    ],
    caughtBy: 1,
    finds: /after its time/,
  },
  {
    bug: "what expires in an hour is taken for expired",
    like: "row 8: acknowledged messages lost without a fault",
    changes: [
      {
        file: `${delivery}/admitting.ts`,
        find: "if (expiresAtMs > this.#parts.environment.clock.wallMs()) return false;",
        replace:
          "if (expiresAtMs > this.#parts.environment.clock.wallMs() + 3_600_000) return false;",
      },
    ],
    caughtBy: 1,
    finds: /neither|effects/,
  },
  {
    bug: "a key that was lost and won back goes on with its old parked messages",
    like: "fixed here: a key lost and won back while its parked messages are read",
    changes: [
      {
        file: `${delivery}/open-messages.ts`,
        find: "    if (line !== undefined && !line.isEnded) this.#cut(line, place.offset);\n",
        replace: "",
      },
    ],
    caughtBy: 14,
    finds: /reorder|stuck|effects|while/,
  },
  {
    bug: "a failed message is tried again before those behind it have parked",
    like: "fixed here: a due head released before its followers have parked (ecf41eb)",
    changes: [
      {
        file: `${delivery}/open-messages.ts`,
        find: "if (line.isEnded || line.outstanding > 0) return;",
        replace: "if (line.isEnded) return;",
      },
    ],
    caughtBy: 3,
    finds: /reorder|had its effect|while|stuck/,
  },
  {
    bug: "what is fetched is handled in the order of fetching, whatever its priority",
    like: "fixed here: high priority behind everything fetched before (f206b5a)",
    changes: [
      {
        file: `${delivery}/dispatcher.ts`,
        find: "    this.#fresh[batch.lane]?.push(batch);",
        replace: "    this.#fresh[0]?.push(batch);",
      },
    ],
    caughtBy: 62,
    finds: /of high priority waits/,
  },
];
