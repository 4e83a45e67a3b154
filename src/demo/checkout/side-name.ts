// The two sides of the checkout demo by name.

/** Left and right: services that call each other, and the same services on Spillway. */
export const sideNames = ["sync", "spillway"] as const;

/** The name of a side. */
export type SideName = (typeof sideNames)[number];
