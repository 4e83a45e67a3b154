// What the services of the demo leave behind as events of their own, and the channels they lie on.
// They are kept long, because the ledger of a later run in the same directory reads them again.
import { defineChannel } from "../../contracts/channel.ts";
import { defineEvent } from "../../contracts/event.ts";
import { object, payloadSchema, text, wholeNumber } from "../stage/payload-schema.ts";

const keptDays = 3_650;

/** The notifier told somebody about a delivery. */
export const NotificationSent = defineEvent("spillway.demo.notification.sent", {
  data: payloadSchema(object({ delivery: text, text, attempt: wholeNumber })),
  key: (notification) => notification.delivery,
  owner: "notifier",
});

/** A worker looked up what else is known about a delivery. */
export const DeliveryEnriched = defineEvent("spillway.demo.delivery.enriched", {
  data: payloadSchema(object({ delivery: text, subject: text, label: text, worker: text })),
  key: (enriched) => enriched.delivery,
  owner: "enrichment",
});

/** Where notifications are recorded. */
export const notifications = defineChannel("notifications", {
  messages: [NotificationSent],
  retention: { days: keptDays },
});

/** Where enriched deliveries are recorded. */
export const enriched = defineChannel("enriched", {
  messages: [DeliveryEnriched],
  retention: { days: keptDays },
});

/** A row of the audit trail: one delivery, and how often it was written. */
export const trailRow = payloadSchema(object({ type: text, subject: text, times: wholeNumber }));

/** A row of the read model: one repository (or organization), and what it has received. */
export const repositoryRow = payloadSchema(
  object({
    deliveries: wholeNumber,
    fingerprint: wholeNumber,
    lastType: text,
    lastOffset: wholeNumber,
    /** Deliveries that came after a later one of the same repository: there must be none. */
    disordered: wholeNumber,
  }),
);
