// The commands of the program. Each one's code is loaded only when it is used, so that the others
// start at once.
import type { CommandEntry } from "./command.ts";

/** Every command, in the order of the help. */
export const commandTable: readonly CommandEntry[] = [
  {
    name: "demo",
    summary: "watch a shop on its busiest day, next to the same shop on HTTP calls",
    load: async () => (await import("./commands/demo.ts")).demoCommand,
  },
  {
    name: "publish",
    summary: "store messages from a file or from standard input",
    load: async () => (await import("./commands/publish.ts")).publishCommand,
  },
  {
    name: "tail",
    summary: "print stored messages, and new ones as they come",
    load: async () => (await import("./commands/tail.ts")).tailCommand,
  },
  {
    name: "channels",
    summary: "list the channels of a journal",
    load: async () => (await import("./commands/channels.ts")).channelsCommand,
  },
  {
    name: "groups",
    summary: "list the groups that read, and how far behind they are",
    load: async () => (await import("./commands/groups.ts")).groupsCommand,
  },
  {
    name: "dead-letters",
    summary: "list what could not be handled, by cause or one by one",
    load: async () => (await import("./commands/dead-letters.ts")).deadLettersCommand,
  },
  {
    name: "redrive",
    summary: "handle dead letters again, in batches that stop when the fix does not work",
    load: async () => (await import("./commands/redrive.ts")).redriveCommand,
  },
  {
    name: "explain",
    summary: "say why a message waits, or what became of it",
    load: async () => (await import("./commands/explain.ts")).explainCommand,
  },
  {
    name: "simulate",
    summary: "play recorded arrivals against another concurrency, rate or limit",
    load: async () => (await import("./commands/simulate.ts")).simulateCommand,
  },
  {
    name: "verify",
    summary: "look for damage in a journal, while it is used",
    load: async () => (await import("./commands/verify.ts")).verifyCommand,
  },
  {
    name: "repair",
    summary: "build a new journal from a damaged one",
    load: async () => (await import("./commands/repair.ts")).repairCommand,
  },
  {
    name: "backup",
    summary: "copy a journal while it is used; again into the same place: only what is new",
    load: async () => (await import("./commands/backup.ts")).backupCommand,
  },
  {
    name: "restore",
    summary: "make a journal of a backup, in a new or empty directory",
    load: async () => (await import("./commands/restore.ts")).restoreCommand,
  },
  {
    name: "doctor",
    summary: "check the runtime, the directory and the journal",
    load: async () => (await import("./commands/doctor.ts")).doctorCommand,
  },
];
