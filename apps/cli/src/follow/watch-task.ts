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
const errorsIntervalMs = 2_000;

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
  try {
    const errors = new ErrorReader(client, id, board, signal);
    for await (const batch of followTask(client, id, patience)) {
      show(batch, board, view, shell, options);
      // What it says may be long past: the task was settled, somebody retried it, and it went on.
      if (board.isSettled && isSettled((await readTaskPatiently(client, id, patience)).task.status)) break;
      if (options.show === "live") await errors.refresh();
    }
    const last = await readTaskPatiently(client, id, patience);
    board.complete(last.task);
    return last;
  } finally {
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

/** Events say that a step failed, the task says why: it is read again now and then, when there is something to learn. */
class ErrorReader {
  readonly #read: () => Promise<Watched>;
  readonly #board: TaskBoard;
  #notBefore = 0;

  constructor(client: ServerClient, id: string, board: TaskBoard, signal: AbortSignal) {
    this.#read = () => readTask(client, id, signal);
    this.#board = board;
  }

  async refresh(): Promise<void> {
    if (!this.#board.missesErrors || this.#board.isSettled || performance.now() < this.#notBefore) return;
    try {
      this.#board.complete((await this.#read()).task);
    } catch (error) {
      if (!(error instanceof CommandError) || error.exitCode !== exitCodes.unreachable) throw error;
    }
    this.#notBefore = performance.now() + errorsIntervalMs;
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
