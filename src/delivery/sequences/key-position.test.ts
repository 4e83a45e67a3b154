// Positions: against a model that remembers everything, and at their bounds.
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../kernel/random.ts";
import {
  gapsPerKeyMax,
  type KeyPosition,
  positionBefore,
  settledAt,
  standingOf,
} from "./key-position.ts";
import { keysPerSlotMax, positionIn, sequenceName, withPosition } from "./slot-positions.ts";

/** What a number means where everything that was settled is known. */
function kindIn(settled: ReadonlySet<number>, number: number): string {
  if (settled.size === 0) return "first";
  const last = Math.max(...settled);
  if (number === last + 1) return "in-order";
  if (number > last) return "gap";
  return settled.has(number) ? "duplicate" : "late";
}

test("each number means what it means to somebody who remembers all of them", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seededRandom(seed);
    const settled = new Set<number>();
    let position: KeyPosition | undefined;
    for (let step = 0; step < 60; step++) {
      const number = random.uint32() % 50;
      const { kind } = standingOf(position, number);
      assert.equal(kind, kindIn(settled, number), `seed ${seed}, step ${step}, number ${number}`);
      position = settledAt(position, number);
      settled.add(number);
    }
  }
});

test("what is below the first number is late; a gap counts what is missing", () => {
  const before = positionBefore(5);
  const told = [5, 7, 4].map((number) => standingOf(before, number));
  assert.deepEqual(
    told.map(({ kind, expected, missing }) => [kind, expected, missing]),
    [
      ["in-order", 5, 0],
      ["gap", 5, 2],
      ["late", 5, 0],
    ],
  );
  assert.equal(standingOf(settledAt(before, 4), 4).kind, "duplicate");
});

test("of more gaps than are remembered the oldest is told as a duplicate", () => {
  let position = positionBefore(0);
  for (let number = 1; number <= 2 * gapsPerKeyMax + 1; number += 2) {
    position = settledAt(position, number);
  }
  assert.equal(position.gaps.length, gapsPerKeyMax);
  assert.deepEqual(
    [0, 2].map((number) => standingOf(position, number).kind),
    ["duplicate", "late"],
  );
});

test("a full slot forgets the key that was settled longest ago, and says so", () => {
  const at = (last: number): KeyPosition => ({ first: 1, last, gaps: [[2, 3]] });
  let value: string | undefined;
  for (let key = 0; key < keysPerSlotMax; key++) value = withPosition(value, `${key}`, at(key));
  assert.deepEqual(positionIn(value, "0"), { position: at(0), forgot: false });
  value = withPosition(value, "0", at(50));
  value = withPosition(value, "one more", at(7));
  assert.deepEqual(positionIn(value, "1"), { position: undefined, forgot: true });
  assert.deepEqual(positionIn(value, "0"), { position: at(50), forgot: true });
  assert.deepEqual(positionIn(value, "one more"), { position: at(7), forgot: true });
});

test("no two keys of two tenants have one name", () => {
  const names = [
    sequenceName(undefined, "a"),
    sequenceName("a", "a"),
    sequenceName(undefined, "a\u001fa"),
    sequenceName("a", "\u001fa"),
  ];
  assert.equal(new Set(names).size, names.length);
});
