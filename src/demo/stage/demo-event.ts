// What a running demo tells about: one line for people at a time.

/** Something worth telling while a demo runs. */
export interface DemoEvent {
  readonly mood: "neutral" | "good" | "bad";
  readonly text: string;
}
