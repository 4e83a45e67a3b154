// The process in which a journal is restored.
import { serveTask } from "../task/task-process.ts";
import { buildJournal } from "./build-journal.ts";

/** Whoever restores a journal waits for it. */
const niceness = 0;

serveTask(buildJournal, niceness);
