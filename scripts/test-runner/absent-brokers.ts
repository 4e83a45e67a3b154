/**
 * Which brokers the suite `brokers` could not start on this machine, and how to get them, so that
 * nobody takes "passed" for more than it is.
 */
import { findBroker } from "../../src/testing/brokers/broker.ts";
import { brokerNames } from "../../src/testing/brokers/broker-names.ts";

/** A line for each that was not run. */
export function absentBrokers(): readonly string[] {
  return brokerNames.flatMap((name) => {
    const { missing } = findBroker(name);
    return missing === undefined ? [] : [`not run: ${missing}`];
  });
}
