import type { Transition } from "@tasker/engine";
import { historyEvents } from "@tasker/engine";
import { expect, test } from "vitest";
import { eventJson, eventPageJson } from "./index.ts";

const at = Date.UTC(2025, 0, 23, 12);
const task = "01949300-0000-7000-8000-000000000001";
const transition: Transition = {
  step: "ship_order",
  from: "ready",
  to: "in_progress",
  attempt: 1,
  leaseId: "b1.2",
  workerId: "w",
  actor: "engine",
  reason: null,
  detail: null,
};

test("numbers the entries of a history row and names its task", () => {
  const transitions = [transition, { ...transition, to: "completed", detail: '{"id":9007199254740993}' }];
  const events = historyEvents({ seq: 41, at, transitions }, task);
  expect(events.map(({ seq, task_id, to }) => [seq, task_id, to])).toEqual([
    [41, task, "in_progress"],
    [42, task, "completed"],
  ]);
  expect(eventJson(events[0]!)).toBe(
    `{"seq":41,"at":"2025-01-23T12:00:00.000Z","task_id":"${task}","step":"ship_order","from":"ready","to":"in_progress",` +
      `"attempt":1,"lease_id":"b1.2","worker_id":"w","actor":"engine","reason":null}`,
  );
  expect(eventJson(events[1]!)).toContain(',"reason":null,"detail":{"id":9007199254740993}}');
});

test("a full page says where the next one begins", () => {
  const events = historyEvents({ seq: 1, at, transitions: [transition, transition] }, task);
  expect(JSON.parse(eventPageJson(events, 2)).next_cursor).toBe("2");
  expect(JSON.parse(eventPageJson(events, 3)).next_cursor).toBeNull();
  expect(eventPageJson([], 3)).toBe('{"items":[],"next_cursor":null}');
});
