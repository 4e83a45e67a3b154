// What the tests of aggregation share with their processes: an event that begins an aggregate, the
// command that twenty carriers handle, the event that tells the outcome.
import { type Bus, defineCommand, defineEvent, Reject } from "spillway";
import { z } from "zod";

export const ShipmentPlanned = defineEvent("test.shipment.planned", {
  data: z.object({ shipment: z.string(), parcels: z.array(z.int()) }),
});
export const Quote = defineCommand("test.parcel.quote", {
  data: z.object({ kg: z.int() }),
  replies: {
    offered: z.object({ cents: z.codec(z.string(), z.int(), textToInt()) }),
    declined: z.object({}),
  },
});
export const ShipmentQuoted = defineEvent("test.shipment.quoted", {
  data: z.object({ shipment: z.string(), end: z.string(), cents: z.int(), parts: z.int() }),
});

function textToInt() {
  return { decode: (text: string) => Number(text), encode: (value: number) => String(value) };
}

/** Adds up what is offered for each parcel of a shipment; ends when all have answered. */
export function quoteShipments(bus: Bus, onEnd: () => void = () => undefined) {
  return bus.aggregate(
    ShipmentPlanned,
    {
      name: "quotes",
      commands: [Quote],
      ask: ({ data }) => data.parcels.map((kg) => Quote.message({ kg })),
      keep: ({ data }) => data.shipment,
      timeoutMs: 120_000,
    },
    ({ type, kept, parts }) => {
      onEnd();
      const offers = parts.map(({ outcome }) =>
        outcome.type === "offered" ? outcome.data.cents : 0,
      );
      const cents = offers.reduce((sum, each) => sum + each, 0);
      return ShipmentQuoted.message({ shipment: kept, end: type, cents, parts: parts.length });
    },
  );
}

/** Offers ten cents a kilogram; rejects what weighs thirteen. */
export function handleQuotes(bus: Bus) {
  return bus.handle(Quote, { concurrency: 4 }, async ({ data }) => {
    if (data.kg === 13) throw new Reject("bad luck");
    return Quote.replies.offered({ cents: String(data.kg * 10) });
  });
}
