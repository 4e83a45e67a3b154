// The server behind which bank and carrier stand, with books for each side. It runs in the demo's
// main process, so that no killed service can take it along.
import type { Clock } from "../../../kernel/clock.ts";
import { type JsonAnswer, type JsonRequest, JsonServer } from "../http/json-server.ts";
import { type SideName, sideNames } from "../side-name.ts";
import { Bank, type BankMood, Carrier } from "./bank.ts";

/** Bank and carrier of one side. */
export interface Outside {
  readonly bank: Bank;
  readonly carrier: Carrier;
}

/** Bank and carrier of both sides. */
export class OutsideWorld {
  /** Changed by whoever makes the bank slow or kills it. */
  readonly mood: BankMood;
  readonly #of: Readonly<Record<SideName, Outside>>;
  #server: JsonServer | undefined;

  constructor(clock: Clock, seed: number) {
    const mood: BankMood = { slow: false, dead: false };
    this.mood = mood;
    const outside = (): Outside => ({
      bank: new Bank(clock, seed, mood),
      carrier: new Carrier(clock, seed),
    });
    this.#of = { sync: outside(), spillway: outside() };
  }

  /** The books of a side. */
  of(side: SideName): Outside {
    return this.#of[side];
  }

  /** Opens its doors; resolves to the port. */
  async listen(): Promise<number> {
    this.#server = await JsonServer.listen((request) => this.#answer(request));
    return this.#server.port;
  }

  /** Closes them when the last caller has been answered. */
  async close(): Promise<void> {
    await this.#server?.close();
  }

  async #answer(request: JsonRequest): Promise<JsonAnswer> {
    const [, name, what] = request.path.split("/");
    const side = sideNames.find((each) => each === name);
    if (side === undefined) return { status: 404, body: { error: "no such side" } };
    const { bank, carrier } = this.#of[side];
    const { order, cents = 0, quantity = 0 } = request.body as OutsideRequest;
    if (what === "charges") return bank.charge(request.key, order, cents);
    if (what === "voids") return bank.void(request.key, order);
    if (what === "parcels") return carrier.fetch(request.key, order, quantity);
    return { status: 404, body: { error: `there is no '${what}' here` } };
  }
}

interface OutsideRequest {
  readonly order: string;
  readonly cents?: number;
  readonly quantity?: number;
}
