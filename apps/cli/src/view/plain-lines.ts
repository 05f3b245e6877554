/** A task's progress as lines for files, pipes and screen readers. Pure functions. */
import type { TaskEvent } from "../task-json.ts";
import { countsOf, type TaskBoard } from "./task-board.ts";
import { visible } from "./text.ts";

/** `12:34:56.789  ship_order  ready -> in_progress  attempt 1  worker-7`; times are UTC. */
export function eventLine(event: TaskEvent): string {
  const move = event.from === null || event.from === event.to ? event.to : `${event.from} -> ${event.to}`;
  const parts = [event.at.slice(11, 23), event.step ?? "task", move];
  if (event.attempt !== null) parts.push(`attempt ${event.attempt}`);
  if (event.worker_id !== null) parts.push(event.worker_id);
  if (event.reason !== null) parts.push(`(${event.reason})`);
  return visible(parts.join("  "));
}

/** `42 %  21/50 steps  failed 1 · in_progress 8 · completed 20` */
export function summaryLine(board: TaskBoard): string {
  const share = board.total === 0 ? 100 : Math.floor((board.ended / board.total) * 100);
  const counts = countsOf(board.counts).map(([status, count]) => `${status} ${count}`);
  return `${String(share).padStart(3)} %  ${board.ended}/${board.total} steps  ${counts.join(" · ")}`;
}
