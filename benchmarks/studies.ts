// The studies by name.
import { peersStudy } from "./peers/peers-study.ts";
import type { Study } from "./study.ts";
import { syncVsAsyncStudy } from "./sync-vs-async/sync-vs-async-study.ts";

export const studies: Readonly<Record<string, Study>> = {
  peers: peersStudy,
  "sync-vs-async": syncVsAsyncStudy,
};
