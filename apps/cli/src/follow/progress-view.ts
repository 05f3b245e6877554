/** How a followed task is shown: a picture redrawn in place, plain lines, or not at all. */
import type { Output } from "../shell.ts";
import type { TaskEvent } from "../task-json.ts";
import { taskFrame } from "../view/frame.ts";
import { eventLine, summaryLine } from "../view/plain-lines.ts";
import { frameIntervalMs, Screen } from "../view/screen.ts";
import type { TaskBoard } from "../view/task-board.ts";
import { counted, visible } from "../view/text.ts";

export interface ProgressView {
  /** The board has changed by these. */
  changed(events: readonly TaskEvent[]): void;
  /** The last state is shown, and nothing after it. */
  close(): void;
}

export const noProgress: ProgressView = { changed() {}, close() {} };

/** A larger task gets a line a second, not one for each transition. */
const maxStepsForLines = 100;
const summaryIntervalMs = 1_000;

export function liveView(board: TaskBoard, out: Output, color: boolean): ProgressView {
  const screen = new Screen(out);
  const draw = () =>
    screen.draw(taskFrame(board, { columns: out.columns ?? 80, rows: out.rows ?? 24, color }, Date.now()));
  // Drawn by the clock, never by events: thousands of them a second cost the same ten frames, and times go on.
  const timer = setInterval(draw, frameIntervalMs);
  return {
    changed() {},
    close() {
      clearInterval(timer);
      draw();
      screen.close();
    },
  };
}

export function lineView(board: TaskBoard, out: Output): ProgressView {
  out.write(`${visible(`${board.title}  ${board.id}  ${counted(board.total, "step")}`)}\n`);
  return board.total <= maxStepsForLines ? transitionLines(out) : summaryLines(board, out);
}

function transitionLines(out: Output): ProgressView {
  return {
    changed(events) {
      out.write(events.map((event) => `${eventLine(event)}\n`).join(""));
    },
    close() {},
  };
}

function summaryLines(board: TaskBoard, out: Output): ProgressView {
  let last = "";
  const write = () => {
    const line = summaryLine(board);
    if (line !== last) out.write(`${line}\n`);
    last = line;
  };
  const timer = setInterval(write, summaryIntervalMs);
  return {
    changed(events) {
      const failures = events.filter(({ to, step }) => step !== null && (to === "failed" || to === "in_doubt"));
      if (failures.length > 0) out.write(failures.map((event) => `${eventLine(event)}\n`).join(""));
    },
    close() {
      clearInterval(timer);
      write();
    },
  };
}
