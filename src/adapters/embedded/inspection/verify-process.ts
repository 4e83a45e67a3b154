// The process that verifies a journal: SQLite's structure, batches, rows, and agreement with the
// tail file. Always true: it writes nothing, and a journal that cannot be opened because it is
// damaged is a finding, not a failure.
import { SpillwayError } from "../../../errors/spillway-error.ts";
import type { ErrorCode } from "../../../errors/error-codes.ts";
import { type Connection, openConnection } from "../journal/connection.ts";
import { isNotADatabase } from "../journal/sqlite-errors.ts";
import { readTail } from "../journal/tail-file.ts";
import { serveTask, type TaskContext } from "../task/task-process.ts";
import { checkCursors } from "./cursor-check.ts";
import { FindingList } from "./finding.ts";
import { inspectConnection, type InspectionResult } from "./inspect-connection.ts";
import { Snapshot, textOf } from "./snapshot.ts";
import { checkStructure } from "./structure-check.ts";
import { checkTail } from "./tail-check.ts";
import type { VerifyProgress, VerifyReport } from "./verify-report.ts";

/** What is asked of this process. */
export interface VerifyRequest {
  readonly directory: string;
}

const nothing: InspectionResult = { batches: 0, messages: 0, bytes: 0, rows: 0, complete: true };
const damageCodes: ReadonlySet<ErrorCode> = new Set(["JOURNAL_DAMAGED", "JOURNAL_IO"]);

serveTask(async ({ directory }: VerifyRequest, context) => verify(directory, context));

async function verify(directory: string, context: TaskContext): Promise<VerifyReport> {
  const { clock } = context;
  const startMs = clock.monotonicMs();
  const findings = new FindingList();
  let result = nothing;
  let meta: Meta = { incarnation: undefined, commit: undefined };
  const options = { clock, durability: "fsync", busyTimeoutMs: 5_000 } as const;
  let connection: Connection | undefined;
  try {
    // The tail first: what the database says afterwards can only be later.
    const reading = readTail(directory);
    connection = openConnection(directory, "inspector", options);
    meta = readMeta(connection);
    checkTail(reading, connection, findings, options);
    result = await inspect(directory, connection, findings, context);
    if (result.complete) checkCursors(connection, findings, options);
  } catch (error) {
    if (!isDamage(error)) throw error;
    findings.add("structure", `the database cannot be opened (${textOf(error)})`);
  } finally {
    connection?.close();
  }
  return {
    directory,
    sound: findings.damage === 0,
    ...meta,
    ...result,
    elapsedMs: clock.monotonicMs() - startMs,
    findings: findings.findings,
    counts: findings.counts,
  };
}

/** Whether a failure to open says something about the file, and not about who may open it. */
function isDamage(error: unknown): boolean {
  if (!(error instanceof SpillwayError)) return false;
  return damageCodes.has(error.code) || isNotADatabase(error.cause);
}

interface Meta {
  readonly incarnation: string | undefined;
  readonly commit: number | undefined;
}

function readMeta(connection: Connection): Meta {
  const { rows } = new Snapshot(connection).read<{ name: string; value: string }>(
    "SELECT name, value FROM meta",
  );
  const values = new Map(rows.map(({ name, value }) => [name, value]));
  const commit = values.get("commit");
  return {
    incarnation: values.get("incarnation"),
    commit: commit === undefined ? undefined : Number(commit),
  };
}

async function inspect(
  directory: string,
  connection: Connection,
  findings: FindingList,
  context: TaskContext,
): Promise<InspectionResult> {
  const { clock, signal } = context;
  const structure = (): ReturnType<typeof checkStructure> => {
    return checkStructure(directory, { clock, signal });
  };
  const onProgress = (progress: VerifyProgress): void => context.report(progress);
  onProgress({ ...nothing, step: "structure", share: 0, damage: 0 });
  let checked = await structure();
  const result = await inspectConnection({ connection, clock, findings, signal, onProgress });
  // Publishers were too fast for it the first time.
  if (checked.kind === "ended" && result.complete) checked = await structure();
  if (checked.kind === "checked") {
    for (const message of checked.messages) findings.add("structure", `SQLite: ${message}`);
  } else if (checked.why === "log-grew") {
    const why = "SQLite's structure: publishers write so fast that the check would hold them up";
    findings.add("unchecked", why);
  }
  return { ...result, complete: result.complete && !signal.aborted };
}
