// The process in which a journal is repaired: the only kind of process that reads a journal's
// database by its path, because it never holds a connection to it.
import { serveTask } from "../task/task-process.ts";
import { buildRepaired } from "./salvage/build-repaired.ts";

/** Whoever repairs a journal waits for it. */
const niceness = 0;

serveTask(buildRepaired, niceness);
