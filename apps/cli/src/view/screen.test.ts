import { expect, it } from "vitest";
import { Screen } from "./screen.ts";

const esc = String.fromCharCode(27);
const parts = new RegExp(`${esc}\\[\\??\\d*[A-Za-z]|\\n|\\r|[^${esc}\\n\\r]+`, "g");
const cursorUp = new RegExp(`^${esc}\\[(\\d+)A$`);

/** A terminal that knows what the screen writes: cursor up, clear to the end, clear the line. */
class Terminal {
  lines: string[] = [];
  writes = 0;
  #row = 0;

  write(text: string): void {
    this.writes++;
    for (const [part] of text.matchAll(parts)) this.#take(part);
  }

  #take(part: string): void {
    const up = cursorUp.exec(part)?.[1];
    if (up !== undefined) this.#row -= Number(up);
    else if (part === "\n") this.#row++;
    else if (part === "\x1b[J") this.lines.length = this.#row;
    else if (!part.startsWith("\x1b") && part !== "\r") this.lines[this.#row] = part;
  }
}

it("draws each frame over the last one, and removes lines that are gone", () => {
  const terminal = new Terminal();
  const screen = new Screen(terminal);
  screen.draw(["a", "b", "c"]);
  expect(terminal.lines).toEqual(["a", "b", "c"]);
  screen.draw(["d", "e"]);
  expect(terminal.lines).toEqual(["d", "e"]);
  screen.draw(["f", "g", "h", "i"]);
  expect(terminal.lines).toEqual(["f", "g", "h", "i"]);
});

it("writes nothing while nothing changes, and a frame in one write", () => {
  const terminal = new Terminal();
  const screen = new Screen(terminal);
  const before = terminal.writes;
  screen.draw(["a", "b"]);
  screen.draw(["a", "b"]);
  expect(terminal.writes - before).toBe(1);
});
