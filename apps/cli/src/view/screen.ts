/** Draws frames in place on a terminal: each over the last one, at most ten in a second, none while nothing changed. */
import type { Output } from "../shell.ts";

/** The shortest time between two frames. */
export const frameIntervalMs = 100;

const hideCursor = "\x1b[?25l";
const showCursor = "\x1b[?25h";
const clearToEnd = "\x1b[J";
const clearLineEnd = "\x1b[K";

export class Screen {
  readonly #out: Output;
  #drawn: readonly string[] = [];

  constructor(out: Output) {
    this.#out = out;
    out.write(hideCursor);
  }

  /** One write a frame, so that no half of it is ever seen. */
  draw(lines: readonly string[]): void {
    if (lines.length === this.#drawn.length && lines.every((line, index) => line === this.#drawn[index])) return;
    const up = this.#drawn.length === 0 ? "" : `\x1b[${this.#drawn.length}A`;
    this.#out.write(`${up}\r${lines.map((line) => `${line}${clearLineEnd}\n`).join("")}${clearToEnd}`);
    this.#drawn = lines;
  }

  /** The last frame stays; what is written next stands below it. */
  close(): void {
    this.#out.write(showCursor);
  }
}
