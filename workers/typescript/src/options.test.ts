import { describe, expect, test } from "vitest";
import { readOptions } from "./options.ts";

const env = { TASKER_STEPS_ENDPOINT: "ipc:///tmp/s", TASKER_RESULTS_ENDPOINT: "tcp://127.0.0.1:5556" };

describe("settings", () => {
  test("come from the environment", () => {
    const variables = {
      ...env,
      TASKER_WORKER_ID: "w1",
      TASKER_POOL: "gpu",
      TASKER_CONCURRENCY: "7",
      TASKER_LOG_LEVEL: "debug",
    };
    expect(readOptions({}, variables)).toMatchObject({
      orchestrators: [{ steps: "ipc:///tmp/s", results: "tcp://127.0.0.1:5556" }],
      workerId: "w1",
      pool: "gpu",
      concurrency: 7,
      logLevel: "debug",
    });
  });

  test("of the program win over the environment", () => {
    const variables = { ...env, TASKER_WORKER_ID: "w1", TASKER_CONCURRENCY: "7" };
    expect(readOptions({ workerId: "w2", concurrency: 3 }, variables)).toMatchObject({
      workerId: "w2",
      concurrency: 3,
    });
  });

  test("have defaults, and a worker id that no other process has", () => {
    const { pool, concurrency, logLevel, workerId } = readOptions({}, env);
    expect({ pool, concurrency, logLevel }).toEqual({ pool: "default", concurrency: 100, logLevel: "info" });
    expect(workerId).toContain(`-${process.pid}-`);
    expect(readOptions({}, env).workerId).not.toBe(workerId);
  });

  test("empty variables count as absent", () => {
    const variables = { ...env, TASKER_POOL: "", TASKER_CONCURRENCY: "", TASKER_WORKER_ID: "" };
    expect(readOptions({}, variables)).toMatchObject({ pool: "default", concurrency: 100 });
  });

  test("name several orchestrators, separated by commas", () => {
    const variables = { TASKER_STEPS_ENDPOINT: "ipc:///a, ipc:///b", TASKER_RESULTS_ENDPOINT: "ipc:///c,ipc:///d" };
    expect(readOptions({}, variables).orchestrators).toEqual([
      { steps: "ipc:///a", results: "ipc:///c" },
      { steps: "ipc:///b", results: "ipc:///d" },
    ]);
  });
});

describe("a setting that is wrong is named", () => {
  test.each([
    [{}, { TASKER_STEPS_ENDPOINT: "" }, "TASKER_STEPS_ENDPOINT is not set"],
    [
      { resultsEndpoint: "localhost:5556" },
      {},
      'TASKER_RESULTS_ENDPOINT: expected ipc://PATH, tcp://HOST:PORT or inproc://NAME, got "localhost:5556"',
    ],
    [{ stepsEndpoint: ["ipc:///a", "ipc:///b"] }, {}, "names 2 orchestrators and TASKER_RESULTS_ENDPOINT 1"],
    [{ workerId: "two words" }, {}, "TASKER_WORKER_ID: expected 1 to 128 letters, digits and ._:-"],
    [{}, { TASKER_POOL: "-x" }, "TASKER_POOL: expected"],
    [{}, { TASKER_CONCURRENCY: "many" }, "TASKER_CONCURRENCY: expected an integer from 1 to 5000, got many"],
    [{ concurrency: 0 }, {}, "TASKER_CONCURRENCY"],
    [{ drainMs: -1 }, {}, "drainMs: expected milliseconds"],
    [
      {},
      { TASKER_LOG_LEVEL: "loud" },
      'TASKER_LOG_LEVEL: expected one of debug, info, warn, error, silent, got "loud"',
    ],
  ])("%j %j", (options, variables, message) => {
    expect(() => readOptions(options, { ...env, ...variables })).toThrow(message);
  });
});
