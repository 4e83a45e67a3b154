// Several gates as one: a handler starts where all of them let it. Always true: where one refuses,
// the places taken at those before it are given back.
import type { StartGate } from "../delivery/start-gate.ts";

/** One gate made of these; undefined where there are none. */
export function allGates(gates: readonly StartGate[]): StartGate | undefined {
  return gates.length > 1 ? new AllGates(gates) : gates[0];
}

class AllGates implements StartGate {
  readonly #gates: readonly StartGate[];

  constructor(gates: readonly StartGate[]) {
    this.#gates = gates;
  }

  get limit(): number {
    return Math.min(...this.#gates.map((gate) => gate.limit));
  }

  get troubles(): readonly string[] {
    return this.#gates.flatMap((gate) => gate.troubles);
  }

  enter(running: number): boolean {
    for (const [index, gate] of this.#gates.entries()) {
      if (gate.enter(running)) continue;
      for (const entered of this.#gates.slice(0, index)) entered.leave();
      return false;
    }
    return true;
  }

  mayGoOn(running: number): boolean {
    return this.#gates.every((gate) => gate.mayGoOn(running));
  }

  leave(): void {
    for (const gate of this.#gates) gate.leave();
  }

  attach(wake: () => void): () => void {
    const ends = this.#gates.map((gate) => gate.attach(wake));
    return () => {
      for (const end of ends) end();
    };
  }
}
