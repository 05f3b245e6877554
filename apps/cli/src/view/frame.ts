/**
 * One picture of a task in a terminal: a bar, counts, what fails first, then what runs. Never higher or wider than the
 * terminal, whatever the number of steps. Pure functions.
 */
import { type BoardStep, countsOf, type TaskBoard } from "./task-board.ts";
import { clip, duration, pad, type Style, styled, visible, widthOf } from "./text.ts";

export interface FrameSize {
  readonly columns: number;
  readonly rows: number;
  readonly color: boolean;
}

/** More lines than this help nobody, however high the terminal is. */
const maxStepLines = 20;
const maxBarWidth = 40;
const maxNameWidth = 24;

const statusStyles: Readonly<Record<string, Style>> = {
  failed: "red",
  in_doubt: "red",
  blocked: "red",
  waiting_for_retry: "yellow",
  paused: "yellow",
  in_progress: "cyan",
  completed: "green",
  pending: "dim",
  cancelled: "dim",
};

export function styleOf(status: string): Style | null {
  return statusStyles[status] ?? null;
}

/** @param now wall-clock milliseconds */
export function taskFrame(board: TaskBoard, size: FrameSize, now: number): string[] {
  const head = [titleLine(board, size, now), barLine(board, size), countsLine(board.counts, size)];
  // The last row stays free: a line end there would scroll.
  const room = Math.max(1, size.rows - 1);
  return [...head.slice(0, room), ...stepLines(board, size, now, Math.min(maxStepLines, room - head.length))];
}

function titleLine(board: TaskBoard, { columns, color }: FrameSize, now: number): string {
  const reason = board.reason === null ? "" : ` (${visible(board.reason)})`;
  const took = duration((board.finishedAt ?? now) - board.createdAt);
  const right = `  ${board.status}${reason}  ${took}`;
  const id = `  ${board.id}`;
  const room = columns - widthOf(right);
  const title = clip(visible(board.title), Math.max(0, room));
  const shownId = widthOf(title) + widthOf(id) <= room ? id : "";
  const status = styled(clip(right, columns), styleOf(board.status), color);
  return styled(title, "bold", color) + styled(shownId, "dim", color) + status;
}

function barLine(board: TaskBoard, { columns, color }: FrameSize): string {
  const share = board.total === 0 ? 1 : board.ended / board.total;
  const figures = ` ${String(Math.floor(share * 100)).padStart(3)} %  ${board.ended}/${board.total} steps`;
  const width = Math.min(maxBarWidth, columns - widthOf(figures));
  if (width < 4) return clip(figures.trim(), columns);
  const filled = Math.floor(share * width);
  const failed = Math.min(filled, Math.ceil(((board.counts.get("failed") ?? 0) / Math.max(1, board.total)) * width));
  return (
    styled("█".repeat(filled - failed), "green", color) +
    styled("█".repeat(failed), "red", color) +
    styled("░".repeat(width - filled), "dim", color) +
    figures
  );
}

/** The counts that fit, those that need a person first. */
export function countsLine(counts: ReadonlyMap<string, number>, { columns, color }: Omit<FrameSize, "rows">): string {
  const parts: string[] = [];
  let used = 0;
  for (const [status, count] of countsOf(counts)) {
    const text = `${status} ${count}`;
    const needed = text.length + (parts.length === 0 ? 0 : 3);
    if (used + needed > columns) break;
    parts.push(styled(text, styleOf(status), color));
    used += needed;
  }
  return parts.join(" · ");
}

function stepLines(board: TaskBoard, size: FrameSize, now: number, room: number): string[] {
  if (room < 1) return [];
  const { failing, running } = board;
  // Failures have the first claim, but what runs keeps a third of the room.
  const forRunning = Math.min(running.size, Math.max(room - failing.size, Math.floor(room / 3)));
  const lines = group(failing, room - forRunning, "more of these", size, (step) => failingLine(step, size));
  lines.push(...group(running, room - lines.length, "more in progress", size, (step) => runningLine(step, size, now)));
  return lines;
}

function group(
  steps: ReadonlySet<BoardStep>,
  room: number,
  more: string,
  { columns, color }: FrameSize,
  lineOf: (step: BoardStep) => string,
): string[] {
  if (room < 1 || steps.size === 0) return [];
  const shown = first(steps, steps.size > room ? room - 1 : room);
  const lines = shown.map((step) => styled(clip(lineOf(step), columns), styleOf(step.status), color));
  if (steps.size > shown.length)
    lines.push(styled(clip(`  … ${steps.size - shown.length} ${more}`, columns), "dim", color));
  return lines;
}

function failingLine(step: BoardStep, size: FrameSize): string {
  const { status, attempt, maxAttempts, reason, error } = step;
  const mark = status === "waiting_for_retry" ? "~" : "✗";
  const why = [error, reason].filter((part) => part !== null).join("; ");
  return `${mark} ${nameCell(step, size)}  ${status}  attempt ${attempt}/${maxAttempts}${why === "" ? "" : `  ${visible(why)}`}`;
}

function runningLine(step: BoardStep, size: FrameSize, now: number): string {
  const { attempt, workerId, since, progress } = step;
  const again = attempt > 1 ? `  attempt ${attempt}` : "";
  return `▸ ${nameCell(step, size)}  ${duration(now - since)}${again}${workerId === null ? "" : `  ${visible(workerId)}`}${progress === null ? "" : `  ${visible(progress)}`}`;
}

/** Names stand below each other, as far as the terminal has room for that. */
function nameCell({ name }: BoardStep, { columns }: FrameSize): string {
  return pad(visible(name), Math.min(maxNameWidth, Math.floor(columns / 3)));
}

function first<T>(items: Iterable<T>, count: number): T[] {
  const taken: T[] = [];
  for (const item of items) {
    if (taken.length >= count) break;
    taken.push(item);
  }
  return taken;
}
