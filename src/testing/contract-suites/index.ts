// The transport contract: every case of every part, in one list. Data only.
import { appendCases } from "./append-cases.ts";
import type { ContractCase } from "./contract-case.ts";
import { delayCases } from "./delay-cases.ts";
import { duplicateCases } from "./duplicate-cases.ts";
import { groupCases } from "./group-cases.ts";
import { holdCases } from "./hold-cases.ts";
import { lifecycleCases } from "./lifecycle-cases.ts";
import { limitCases } from "./limit-cases.ts";
import { memberCases } from "./member-cases.ts";
import { processCases } from "./process-cases.ts";
import { rateCases } from "./rate-cases.ts";
import { readCases } from "./read-cases.ts";
import { removalCases } from "./removal-cases.ts";
import { requestCases } from "./request-cases.ts";
import { retentionCases } from "./retention-cases.ts";
import { scheduleCases } from "./schedule-cases.ts";
import { settlementCases } from "./settlement-cases.ts";
import { standingCases } from "./standing-cases.ts";
import { stateCases } from "./state-cases.ts";
import { unitCases } from "./unit-cases.ts";

/** Everything a transport promises, case by case; run each with runContractCase(). */
export const transportContract: readonly ContractCase[] = [
  ...appendCases,
  ...duplicateCases,
  ...delayCases,
  ...scheduleCases,
  ...groupCases,
  ...memberCases,
  ...settlementCases,
  ...unitCases,
  ...stateCases,
  ...rateCases,
  ...readCases,
  ...requestCases,
  ...retentionCases,
  ...limitCases,
  ...holdCases,
  ...removalCases,
  ...standingCases,
  ...lifecycleCases,
  ...processCases,
];
