// What there is to know about one kind of broker: what it needs, how its programs are run, how to
// see that it is ready. Types only; the brokers themselves are in servers/.
import type { ProgramPlan, ServerUser } from "./guardian/guardian-words.ts";
import type { Probe } from "./probe.ts";

/** Where one broker works. */
export interface Site {
  /** Its own directory; every file of it lies in here. */
  readonly directory: string;
  /** Free ports, as many as the recipe asks for; the first is the one for clients. */
  readonly ports: readonly [number, ...number[]];
  /** Lines of the user for the server's own configuration file. */
  readonly config: string;
}

/** A program that serves, and how it is seen that the next one may be started. */
export interface ServerProgram extends ProgramPlan {
  /** The next program is started when this one listens here. */
  readonly listensOn?: number;
}

/** How to run a broker in its site. */
export interface ServerPlan {
  /** Name → text, below the directory; written before anything is run. */
  readonly files: Readonly<Record<string, string>>;
  /** Who the directory has to belong to. */
  readonly owner?: ServerUser | undefined;
  /** Run once, each to its end, before the first start. */
  readonly setUp: readonly ProgramPlan[];
  /** Started in this order, ended in the opposite one. */
  readonly programs: readonly [ServerProgram, ...ServerProgram[]];
}

/** Something that a broker needs and that is not here. */
export interface Lack {
  /** What it is, as in "nats-server is not installed". */
  readonly what: string;
  /** Packages of Debian and Ubuntu that bring it. */
  readonly packages: readonly string[];
}

/** Whether a broker can be started here: what lacks, or how it is run. */
export type Found =
  | { readonly lacks: readonly [Lack, ...Lack[]] }
  | { readonly lacks: readonly []; readonly version?: string; plan(site: Site): ServerPlan };

/** One kind of broker. */
export interface Recipe {
  /** As people call it. */
  readonly title: string;
  /** How many ports it listens on. */
  readonly portCount: number;
  /** How long a start may take by default. */
  readonly readyTimeoutMs: number;
  /** What ends it when nobody needs it any more: SIGKILL where that leaves nothing behind. */
  readonly leaveSignal: NodeJS.Signals;
  /** What its own words say when another process has its port. */
  readonly collision: RegExp;
  /** Lines of its output that say nothing to people; an error leaves them out. */
  readonly noise?: RegExp;
  /** Looks what is installed. */
  find(): Found;
  /** Fetches what no package of the system brings. */
  fetch?(report: (line: string) => void): Promise<void>;
  /** Where clients connect to. */
  urlOf(port: number): string;
  /** What is asked until it is ready. */
  readonly probe: Probe;
}
