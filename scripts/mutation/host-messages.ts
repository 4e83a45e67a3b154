/**
 * What the process that runs tests and the one that asks it to say to each other.
 */
import type { TestOutcome } from "./run-tests.ts";

/** How often each mutant was reached, by its id. */
export type Hits = Readonly<Record<string, number>>;

/** What each test reached; `static` holds what the import of files reached. */
export interface Coverage {
  readonly static: Hits;
  readonly perTest: Readonly<Record<string, Hits>>;
}

/** Asked of the host. */
export type HostRequest =
  | {
      readonly kind: "load";
      readonly files: readonly string[];
      /** Tests with any of this in their name are not run. */
      readonly leftOut: readonly string[];
    }
  | {
      readonly kind: "run";
      /** All that are loaded when undefined. */
      readonly tests: readonly string[] | undefined;
      readonly bail: boolean;
      readonly mutant: string | undefined;
      /** How often the mutant may be reached before that is taken for an endless loop. */
      readonly hitLimit: number | undefined;
    };

/** Answered by the host. */
export type HostAnswer =
  | { readonly kind: "loaded" }
  | { readonly kind: "began"; readonly test: string }
  | { readonly kind: "failed"; readonly message: string }
  | {
      readonly kind: "ran";
      readonly outcomes: readonly TestOutcome[];
      readonly endless: boolean;
      readonly coverage: Coverage;
    };
