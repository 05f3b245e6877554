/** Follows a task until nothing more happens by itself, showing how it goes. */
import { CommandError } from "../command-error.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { path, type ServerClient } from "../http/server-client.ts";
import type { Shell } from "../shell.ts";
import type { TaskEvent, TaskView } from "../task-json.ts";
import { isSettled } from "../task-json.ts";
import { TaskBoard } from "../view/task-board.ts";
import { duration } from "../view/text.ts";
import { type FollowedEvent, followTask } from "./follow-task.ts";
import { lineView, liveView, noProgress, type ProgressView } from "./progress-view.ts";
import { type Patience, Reconnection } from "./reconnection.ts";

export interface WatchOptions {
  /** `json`: each event as a line; `none`: nothing until the end. */
  readonly show: "live" | "lines" | "json" | "none";
  readonly color: boolean;
  /** Null: as long as it takes. */
  readonly timeoutMs: number | null;
}

/** How a watched task stands at the end. */
export interface Watched {
  readonly task: TaskView;
  /** The server's text of it. */
  readonly json: string;
}

/** A server may restart while somebody watches. */
const giveUpAfterMs = 60_000;
const detailsIntervalMs = 1_000;
const maxStepsForDetails = 500;

/** @throws CommandError on interruption, on timeout, when the server is away for too long, or for an unknown task */
export async function watchTask(
  shell: Shell,
  client: ServerClient,
  id: string,
  options: WatchOptions,
): Promise<Watched> {
  const stop = new AbortController();
  const release = shell.onSignal(() => stop.abort(interrupted(id)));
  const timer =
    options.timeoutMs === null
      ? undefined
      : setTimeout(() => stop.abort(timedOut(id, options.timeoutMs!)), options.timeoutMs);
  try {
    return await follow(shell, client, id, options, stop.signal);
  } finally {
    clearTimeout(timer);
    release();
  }
}

export function outcomeCode({ status }: TaskView): ExitCode {
  return status === "completed" || status === "resolved_manually" ? exitCodes.ok : exitCodes.taskFailed;
}

async function follow(
  shell: Shell,
  client: ServerClient,
  id: string,
  options: WatchOptions,
  signal: AbortSignal,
): Promise<Watched> {
  const board = new TaskBoard((await readTask(client, id, signal)).task);
  const view = viewOf(board, shell, options);
  const onLost = ({ message }: CommandError) =>
    shell.err.write(`warning: ${message}; trying again (the task goes on)\n`);
  const patience = { signal, giveUpAfterMs, onLost };
  const details = options.show === "live" ? new DetailReader(board, () => readTask(client, id, signal)) : null;
  try {
    for await (const batch of followTask(client, id, patience)) {
      show(batch, board, view, shell, options);
      // What it says may be long past: the task was settled, somebody retried it, and it went on.
      if (board.isSettled && isSettled((await readTaskPatiently(client, id, patience)).task.status)) break;
    }
    const last = await readTaskPatiently(client, id, patience);
    board.learn(last.task);
    return last;
  } finally {
    details?.close();
    view.close();
  }
}

function show(
  batch: readonly FollowedEvent[],
  board: TaskBoard,
  view: ProgressView,
  shell: Shell,
  options: WatchOptions,
): void {
  const events: TaskEvent[] = batch.map(({ event }) => event);
  for (const event of events) board.apply(event);
  if (options.show === "json") shell.out.write(batch.map(({ json }) => `${json}\n`).join(""));
  view.changed(events);
}

function viewOf(board: TaskBoard, shell: Shell, { show: how, color }: WatchOptions): ProgressView {
  if (how === "live") return liveView(board, shell.out, color);
  return how === "lines" ? lineView(board, shell.out) : noProgress;
}

/**
 * Events say that a step failed, the task says why; and only the task says how far a running handler is. It is read again
 * now and then, when there is something to learn and it is small enough to be read often.
 */
class DetailReader {
  readonly #board: TaskBoard;
  readonly #read: () => Promise<Watched>;
  readonly #timer: NodeJS.Timeout;
  #reading = false;

  constructor(board: TaskBoard, read: () => Promise<Watched>) {
    this.#board = board;
    this.#read = read;
    this.#timer = setInterval(() => void this.#refresh(), detailsIntervalMs);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #refresh(): Promise<void> {
    const { missesErrors, running, total, isSettled } = this.#board;
    const mayLearn = missesErrors || (running.size > 0 && total <= maxStepsForDetails);
    if (this.#reading || isSettled || !mayLearn) return;
    this.#reading = true;
    try {
      this.#board.learn((await this.#read()).task);
    } catch {
      // The stream has the same trouble, and reports it.
    }
    this.#reading = false;
  }
}

async function readTask(client: ServerClient, id: string, signal: AbortSignal): Promise<Watched> {
  const { text } = await client.get(path("tasks", id), signal);
  return { task: JSON.parse(text) as TaskView, json: text };
}

/** Waits for a server that is away. */
async function readTaskPatiently(client: ServerClient, id: string, patience: Patience): Promise<Watched> {
  const connection = new Reconnection(patience);
  for (;;) {
    try {
      return await readTask(client, id, patience.signal);
    } catch (error) {
      await connection.wait(error);
    }
  }
}

function interrupted(id: string): CommandError {
  return new CommandError(exitCodes.interrupted, "interrupted; the task goes on", {
    hint: `Look at it with \`tasker task watch ${id}\`, end it with \`tasker task cancel ${id}\`.`,
  });
}

function timedOut(id: string, timeoutMs: number): CommandError {
  return new CommandError(exitCodes.timedOut, `not finished within ${duration(timeoutMs)}; the task goes on`, {
    hint: `Look at it with \`tasker task watch ${id}\`.`,
  });
}
