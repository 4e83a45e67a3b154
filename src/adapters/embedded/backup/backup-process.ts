// The process in which a backup is taken.
import { serveTask } from "../task/task-process.ts";
import { takeBackup } from "./take-backup.ts";

/**
 * Publishers go first, but not always: one that had to wait for a processor in the middle of the
 * final snapshot would keep the write-ahead log from starting anew.
 */
const niceness = 5;

serveTask(takeBackup, niceness);
