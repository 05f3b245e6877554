import { expect, test } from "vitest";
import { startApi } from "../testdata/start-api.ts";

test("is alive always, and ready when the engine is", async () => {
  const { get, orchestrator } = await startApi();
  expect((await get("/livez")).json()).toEqual({ status: "alive" });
  expect((await get("/readyz")).json()).toEqual({ status: "ready" });
  orchestrator.readiness = { ready: false, reason: "the store is being read" };
  const refused = await get("/readyz");
  expect(refused.json()).toMatchObject({ status: 503, code: "not_ready", detail: "the store is being read" });
  expect((await get("/livez")).statusCode).toBe(200);
});

test("lists workers with times that people read", async () => {
  const { get, orchestrator } = await startApi();
  const worker = {
    id: "w1",
    key: "w1-0a1b2c3d",
    protocol: "2.0",
    language: "typescript",
    sdk: "0.1.0",
    version: null,
    pool: "default",
    handlers: ["work"],
    capacity: 10,
    in_flight: 3,
    status: "ready",
  };
  orchestrator.workers = [{ ...worker, connected_at: 0 }];
  expect((await get("/v1/workers")).json()).toEqual({
    items: [{ ...worker, connected_at: "1970-01-01T00:00:00.000Z" }],
    next_cursor: null,
  });
  const metrics = (await get("/metrics")).body;
  expect(metrics).toContain('tasker_workers{status="ready"} 1\n');
  expect(metrics).toContain("tasker_worker_slots 10\n");
  expect(metrics).toContain("tasker_worker_steps 3\n");
});

test("shows the engine's numbers in seconds, in buckets that add up", async () => {
  const { get, orchestrator } = await startApi();
  const { engine } = orchestrator;
  for (const ms of [0.4, 3, 700_000]) engine.queueTime.observe(ms);
  engine.commitTime.observe(1.5);
  engine.attempts.completed = 5;
  engine.results.late_recorded = 2;
  engine.results.duplicate = 3;
  engine.checkpoints.kept = 4;
  engine.turns = 7;
  const answer = await get("/metrics");
  expect(answer.headers["content-type"]).toContain("text/plain");
  for (const line of [
    'tasker_queue_time_seconds_bucket{le="0.001"} 1',
    'tasker_queue_time_seconds_bucket{le="0.005"} 2',
    'tasker_queue_time_seconds_bucket{le="300"} 2',
    'tasker_queue_time_seconds_bucket{le="+Inf"} 3',
    "tasker_queue_time_seconds_sum 700.0034",
    "tasker_queue_time_seconds_count 3",
    "tasker_commit_time_seconds_count 1",
    'tasker_attempts_total{outcome="completed"} 5',
    'tasker_results_total{outcome="duplicate"} 3',
    "tasker_stale_results_total 5",
    'tasker_checkpoints_total{outcome="kept"} 4',
    "tasker_turns_total 7",
    "tasker_active_tasks 0",
    "tasker_oldest_ready_step_age_seconds 1.5",
    'tasker_steps{state="ready"} 0',
    "tasker_http_streams 0",
    "tasker_frames_received_total 7",
    "tasker_subscriptions_refused_total 2",
    "tasker_subscription_floods_total 1",
    'tasker_frames_refused_total{code="invalid_json"} 3',
    'tasker_sessions_refused_total{reason="codec"} 1',
  ]) {
    expect(answer.body.split("\n")).toContain(line);
  }
  expect(answer.body).toMatch(/tasker_event_loop_lag_seconds\{quantile="0.99"\} \d/);
});

test("times requests by route, not by path", async () => {
  const { get } = await startApi();
  await get("/v1/tasks/1");
  await get("/v1/tasks/2");
  await get("/nowhere");
  const { body } = await get("/metrics");
  expect(body).toContain(
    'tasker_http_request_duration_seconds_count{method="GET",route="/v1/tasks/:id",status="404"} 2',
  );
  expect(body).toContain('tasker_http_problems_total{code="task_not_found"} 2\n');
  expect(body).toContain('tasker_http_request_duration_seconds_count{method="GET",route="(none)",status="404"} 1');
});
