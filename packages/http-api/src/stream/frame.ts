/** One entry of the history as a server-sent event, rendered once for everybody who listens. */

import type { HistoryEvent } from "@tasker/engine";
import { isFinalTask, type TaskStatus, taskStatuses } from "@tasker/engine";
import { eventJson } from "../views/event-json.ts";

export interface Frame {
  readonly seq: number;
  readonly text: string;
  /** The final status that its task has from here on; null for all others. */
  readonly end: TaskStatus | null;
}

export function toFrame(event: HistoryEvent): Frame {
  return {
    seq: event.seq,
    text: `id: ${event.seq}\nevent: transition\ndata: ${eventJson(event)}\n\n`,
    end: event.step === null && isFinalStatus(event.to) ? event.to : null,
  };
}

export function endText(status: TaskStatus): string {
  return `event: end\ndata: {"status":"${status}"}\n\n`;
}

function isFinalStatus(status: string): status is TaskStatus {
  return (taskStatuses as readonly string[]).includes(status) && isFinalTask(status as TaskStatus);
}
