import { describe, expect, it } from "vitest";
import { buildStep, buildTask, createdAt, EventLog } from "../testing/build-task.ts";
import { taskFrame } from "./frame.ts";
import { TaskBoard } from "./task-board.ts";
import { widthOf } from "./text.ts";

const now = createdAt + 5_000;

function boardOf(log: EventLog, task = buildTask()): TaskBoard {
  const board = new TaskBoard(task);
  for (const event of log.events) board.apply(event);
  return board;
}

/** A task in the middle of things: one completed, one failing, one running. */
function midway(): TaskBoard {
  const log = new EventLog().add(null, null, "in_progress").runs("validate", "completed");
  log.runs("pay", "waiting_for_retry", { reason: "card_declined" });
  log.add("ship", "pending", "ready").add("ship", "ready", "in_progress", { attempt: 2, worker_id: "w7" });
  return boardOf(log);
}

describe("a frame", () => {
  it("shows title, bar, counts, what fails first, then what runs", () => {
    expect(taskFrame(midway(), { columns: 80, rows: 24, color: false }, now)).toEqual([
      "fulfillment/process_order@1.0.0  in_progress  5.0 s",
      "█████████████░░░░░░░░░░░░░░░░░░░░░░░░░░░  33 %  1/3 steps",
      "waiting_for_retry 1 · in_progress 1 · completed 1",
      "~ pay                       waiting_for_retry  attempt 1/4  card_declined",
      "▸ ship                      4.1 s  attempt 2  w7",
    ]);
  });

  it("has the id where there is room", () => {
    const [title] = taskFrame(midway(), { columns: 120, rows: 24, color: false }, now);
    expect(title).toBe("fulfillment/process_order@1.0.0  0198c2f0-0000-7000-8000-000000000001  in_progress  5.0 s");
  });

  it("is clipped to a narrow terminal", () => {
    expect(taskFrame(midway(), { columns: 30, rows: 24, color: false }, now)).toEqual([
      "fulfillme…  in_progress  5.0 s",
      "████░░░░░░░░░  33 %  1/3 steps",
      "waiting_for_retry 1",
      "~ pay         waiting_for_ret…",
      "▸ ship        4.1 s  attempt …",
    ]);
  });

  it("shows the error of a failed step once the task was read", () => {
    const log = new EventLog().runs("pay", "failed", { reason: "attempts_exhausted" });
    const board = boardOf(log);
    expect(board.missesErrors).toBe(true);
    board.learn(buildTask({ steps: [buildStep("pay", { error: { message: "declined\n\x1b[31m", code: "card" } })] }));
    expect(taskFrame(board, { columns: 100, rows: 24, color: false }, now)[3]).toBe(
      "✗ pay                       failed  attempt 1/4  card: declined \\x1b[31m; attempts_exhausted",
    );
  });

  it("shows what a running handler says about how far it is", () => {
    const board = midway();
    board.learn(buildTask({ steps: [buildStep("ship", { progress: { percent: 40 } })] }));
    expect(taskFrame(board, { columns: 80, rows: 24, color: false }, now).at(-1)).toMatch(
      / {2}w7 {2}\{"percent":40\}$/,
    );
  });

  it("stops the clock when the task is final", () => {
    const log = new EventLog().runs("validate", "completed").add(null, "in_progress", "completed");
    expect(taskFrame(boardOf(log), { columns: 80, rows: 24, color: false }, now)[0]).toMatch(/completed {2}400 ms$/);
  });

  it("says why a task is blocked", () => {
    const log = new EventLog().runs("pay", "in_doubt").add(null, "in_progress", "blocked", { reason: "in_doubt" });
    expect(taskFrame(boardOf(log), { columns: 80, rows: 24, color: false }, now)[0]).toContain("blocked (in_doubt)");
  });
});

describe("a task of 5,000 steps", () => {
  const steps = Array.from({ length: 5_000 }, (_, index) => buildStep(`step_${index}`));
  const log = new EventLog();
  for (const [index, { name }] of steps.entries()) {
    if (index < 1_000) log.runs(name, "completed");
    else if (index < 1_400) log.runs(name, "failed");
    else if (index < 3_000) log.add(name, "pending", "ready").add(name, "ready", "in_progress", { attempt: 1 });
  }
  const board = boardOf(log, buildTask({ steps }));

  it.each([
    [80, 24],
    [200, 60],
    [40, 10],
    [20, 5],
    [10, 3],
    [1, 1],
  ])("stays inside a terminal of %i x %i", (columns, rows) => {
    const frame = taskFrame(board, { columns, rows, color: false }, now);
    expect(frame.length).toBeLessThanOrEqual(Math.max(1, rows - 1));
    for (const line of frame) expect(widthOf(line)).toBeLessThanOrEqual(columns);
  });

  it("shows the first failures and the first that run, and counts the others", () => {
    const frame = taskFrame(board, { columns: 80, rows: 24, color: false }, now);
    expect(frame).toHaveLength(23);
    expect(frame[2]).toBe("failed 400 · in_progress 1600 · pending 2000 · completed 1000");
    expect(frame[3]).toMatch(/^✗ step_1000 /);
    expect(frame).toContain("  … 387 more of these");
    expect(frame.at(-2)).toMatch(/^▸ step_1404 /);
    expect(frame.at(-1)).toBe("  … 1595 more in progress");
  });
});

it("counts a step once, whatever it goes through", () => {
  const log = new EventLog().runs("pay", "waiting_for_retry");
  log.add("pay", "waiting_for_retry", "ready").add("pay", "ready", "in_progress", { attempt: 2 });
  log.add("pay", "in_progress", "failed", { attempt: 2 }).add("pay", "failed", "failed", { reason: "late" });
  log.add("unknown", "ready", "completed");
  const board = boardOf(log);
  expect([...board.counts]).toEqual([
    ["pending", 2],
    ["failed", 1],
  ]);
  expect(board.ended).toBe(1);
  expect([...board.failing].map(({ name, attempt, reason }) => [name, attempt, reason])).toEqual([["pay", 2, null]]);
  expect(board.running.size).toBe(0);
});
