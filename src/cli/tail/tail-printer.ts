// Prints stored messages: one line each, for people or as CloudEvents. It chooses by type and key.
// Always true: a line for people holds no control characters of the data, and on a terminal is no
// wider than it.
import { formatTime } from "../../kernel/timestamp.ts";
import { toCloudEvent } from "../../message/cloud-events.ts";
import { envelopeAt, isTextContent } from "../../message/envelope.ts";
import { type Gap, gapEnd } from "../../ports/gap.ts";
import type { StoredBatch } from "../../ports/transport.ts";
import type { CommandOutput } from "../command.ts";
import { clipStyled, printable } from "../terminal/ansi.ts";
import { counted, formatBytes } from "../terminal/number-format.ts";

/** Which messages are printed, how, and how many. */
export interface TailOptions {
  readonly json: boolean;
  readonly type: string | undefined;
  readonly key: string | undefined;
  readonly countMax: number;
}

/** Lines are written together, about so many characters at once. */
const writeCharacters = 65_536;

/** Prints batches and gaps until the bound is reached. */
export class TailPrinter {
  readonly #output: CommandOutput;
  readonly #options: TailOptions;
  #printed = 0;

  constructor(output: CommandOutput, options: TailOptions) {
    this.#output = output;
    this.#options = options;
  }

  /** Prints what is chosen of a batch; resolves to whether more is wanted. */
  async print(batch: StoredBatch): Promise<boolean> {
    const { type, key, countMax } = this.#options;
    let text = "";
    for (let index = 0; index < batch.count && this.#printed < countMax; index++) {
      if (type !== undefined && batch.templateAt(index).type !== type) continue;
      if (key !== undefined && batch.keyAt(index) !== key) continue;
      this.#printed++;
      text += `${this.#line(batch, index)}\n`;
      if (text.length < writeCharacters) continue;
      await this.#write(text);
      text = "";
    }
    if (text !== "") await this.#write(text);
    return this.#printed < countMax;
  }

  /** Says where messages are gone; counts as no message. */
  async printGap(gap: Gap): Promise<void> {
    const { channel, priority, firstOffset, count, reason, notedAtMs } = gap;
    const notedAt = formatTime(notedAtMs);
    if (this.#options.json) {
      const told = { channel, priority, firstOffset, count, reason, notedAt };
      return this.#write(`${JSON.stringify({ gap: told })}\n`);
    }
    const { style, isTerminal, columns = 80 } = this.#output;
    const last = gapEnd(gap) - 1;
    const offsets = count === 1 ? `${firstOffset}` : `${firstOffset} to ${last}`;
    const lane = priority === "normal" ? "" : ` ${priority}`;
    const line = [
      style.dim(notedAt),
      `${style.bold(offsets)}${style.yellow(lane)}`,
      style.red(`${counted(count, "message is", "messages are")} gone (${reason})`),
    ].join("  ");
    await this.#write(`${isTerminal ? clipStyled(line, columns) : line}\n`);
  }

  async #write(text: string): Promise<void> {
    this.#output.write(text);
    await this.#output.drained();
  }

  #line(batch: StoredBatch, index: number): string {
    if (this.#options.json) return JSON.stringify(toCloudEvent(envelopeAt(batch, index)));
    const { style, isTerminal, columns = 80 } = this.#output;
    const { type, contentType } = batch.templateAt(index);
    const key = batch.keyAt(index);
    const lane = batch.priority === "normal" ? "" : ` ${batch.priority}`;
    const line = [
      style.dim(formatTime(batch.timeAt(index))),
      `${style.bold(String(batch.offsetAt(index)))}${style.yellow(lane)}`,
      style.cyan(printable(type)),
      ...(key === undefined ? [] : [style.green(printable(key))]),
      isTextContent(contentType)
        ? printable(batch.payloadTextAt(index))
        : style.dim(`${formatBytes(batch.payloadSizeAt(index))} of ${printable(contentType)}`),
    ].join("  ");
    return isTerminal ? clipStyled(line, columns) : line;
  }
}
