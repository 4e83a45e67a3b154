// Studies: comparisons of Spillway with something that is not Spillway, with a report of their own.
// What a study is asked and what it answers. Types only.

/** What a study may be told on the command line. */
export interface StudyOptions {
  readonly rounds: number;
  /** Messages of each run; undefined: as many as the study chooses. */
  readonly messages: number | undefined;
  /** JSON bytes of one message. */
  readonly bytes: number;
  /** Prints the report as JSON. */
  readonly json: boolean;
  /** How long each case of a study takes that has cases; undefined: as the study chooses. */
  readonly seconds: number | undefined;
  /** As short as shows that it works. */
  readonly quick: boolean;
  /** A run that was kept: the study writes its page from it, and measures nothing. */
  readonly from: string | undefined;
}

/** A study. */
export interface Study {
  readonly description: string;
  /** Runs and prints it; resolves to the names of the targets that it missed. */
  readonly run: (options: StudyOptions) => Promise<readonly string[]>;
}
