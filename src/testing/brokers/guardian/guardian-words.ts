// What a broker's guardian and the process that asked for the broker say to each other. Types and
// constants only.

/** How to run one program of a broker. */
export interface ProgramPlan {
  /** A word for it, unique within the broker; its output goes to `<name>.log`. */
  readonly name: string;
  readonly program: string;
  readonly words: readonly string[];
  /** Added to the few variables that every program of a broker gets. */
  readonly environment?: Readonly<Record<string, string>>;
  /** The user to run as, where that is not the caller's. */
  readonly user?: ServerUser | undefined;
  /** What asks it to end cleanly. Default SIGTERM. */
  readonly stopSignal?: NodeJS.Signals;
}

/** A user of this machine. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/** What the guardian is told; each order is answered once. */
export type Order =
  /** Start a program. Answered with its process id. */
  | { readonly kind: "start"; readonly plan: ProgramPlan }
  /** Ask every program to end, the last started first; kill what is left after the limit. */
  | { readonly kind: "stop"; readonly limitMs: number }
  /** SIGKILL to every process. Answered when they are gone. */
  | { readonly kind: "kill" }
  /** SIGSTOP to every process. Answered when they stand still. */
  | { readonly kind: "freeze" }
  /** SIGCONT to every process. */
  | { readonly kind: "thaw" }
  /** Go on when the process that asked ends; from now on SIGTERM is what ends the broker. */
  | { readonly kind: "stay" }
  /** End everything at once, remove the directory, end. Not answered: the process ends. */
  | { readonly kind: "leave" };

/** An order under its number. */
export interface NumberedOrder {
  readonly number: number;
  readonly order: Order;
}

/** What the guardian says. */
export type Report =
  | { readonly kind: "answer"; readonly number: number; readonly pid?: number | undefined }
  | { readonly kind: "failure"; readonly number: number; readonly message: string }
  /** A program has ended; `how` says with which code, or by which signal. */
  | {
      readonly kind: "ended";
      readonly name: string;
      readonly code: number | null;
      readonly how: string;
    };

/** What the guardian is started with, as JSON in its first argument. */
export interface GuardianTask {
  /** Everything of the broker lies in here; removed at the end. */
  readonly directory: string;
  /** What ends a server that nobody needs any more; followed by SIGKILL. */
  readonly leaveSignal: NodeJS.Signals;
}
