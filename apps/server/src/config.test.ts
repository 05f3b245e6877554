import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConfigError, type ConfigProblem, type ConfigSources, loadConfig, readConfig } from "./config.ts";

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "tasker-config-"));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

const none: Omit<ConfigSources, "cwd"> = { flags: {}, env: {} };

function file(text: string, name = "tasker.yaml"): void {
  mkdirSync(dirname(join(cwd, name)), { recursive: true });
  writeFileSync(join(cwd, name), text);
}

function refusal(sources: Partial<ConfigSources>): ConfigError {
  try {
    loadConfig({ ...none, cwd, ...sources });
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

function refused(sources: Partial<ConfigSources>): readonly ConfigProblem[] {
  return refusal(sources).problems;
}

/** The configuration file of the seed, comments included. */
const seedFile = `# config/zeromq.yaml
step_execution:
  # Pub-Sub endpoints (bidirectional)
  rust_step_publisher: "inproc://steps"      # Rust publishes steps
  rust_result_subscriber: "inproc://results" # Rust subscribes to results
  
  # Handler endpoints (opposite direction) 
  handler_step_subscriber: "inproc://steps"     # Handlers subscribe to steps
  handler_result_publisher: "inproc://results"  # Handlers publish results

  # Later: unix socket for process isolation
  # rust_step_publisher: "ipc:///tmp/tasker_steps.sock"
  # rust_result_subscriber: "ipc:///tmp/tasker_results.sock"

  # Future: network distribution  
  # rust_step_publisher: "tcp://*:5555"
  # rust_result_subscriber: "tcp://*:5556"

  batch_size: 10
  result_timeout_ms: 300000  # 5 minutes max wait for results
  handler_poll_interval_ms: 1  # Polling frequency for non-blocking receives

  # High-water marks for message queuing
  step_queue_hwm: 1000
  result_queue_hwm: 1000
`;

describe("the configuration", () => {
  it("has a default for everything, in the working folder", () => {
    const config = loadConfig({ ...none, cwd });
    expect(config.http).toEqual({ host: "127.0.0.1", port: 8480 });
    expect(config.database).toBe(join(cwd, ".tasker/tasker.db"));
    expect(config.stepExecution).toMatchObject({
      steps: `ipc://${cwd}/.tasker/steps.sock`,
      results: `ipc://${cwd}/.tasker/results.sock`,
      connectResults: [],
      workerSteps: null,
      batchSize: 10,
      resultTimeoutMs: 300_000,
    });
    expect(config.limits.maxContextBytes).toBe(4 * 1024 * 1024);
    expect(config.warnings).toEqual([]);
  });

  it("takes a flag before the environment, that before the file, and that before the default, and says which", () => {
    file("log_level: warn\nenvironment: staging\nhttp: 127.0.0.1:1\nlimits:\n  max_bulk_tasks: 5\n");
    const env = { TASKER_HTTP: "127.0.0.1:2", TASKER_ENV: "test", TASKER_LIMITS_MAX_BODY_BYTES: "4096" };
    const { config, settings } = readConfig({ flags: { http: "127.0.0.1:3" }, env, cwd });
    expect(config.http.port).toBe(3);
    expect(config.environment).toBe("test");
    expect(config.logLevel).toBe("warn");
    expect(config.limits).toMatchObject({ maxBodyBytes: 4096, maxBulkTasks: 5 });
    const sources = Object.fromEntries(settings.map(({ key, source }) => [key, source]));
    expect(sources).toMatchObject({
      http: "--http",
      environment: "TASKER_ENV",
      log_level: "tasker.yaml:1:1",
      "limits.max_body_bytes": "TASKER_LIMITS_MAX_BODY_BYTES",
      "limits.max_bulk_tasks": "tasker.yaml:5:3",
      database: "default",
    });
  });

  it("takes the file of the seed as it is printed, and says that inproc endpoints stay in this process", () => {
    file(seedFile, "config/zeromq.yaml");
    const config = loadConfig({ flags: { config: "config/zeromq.yaml" }, env: {}, cwd });
    expect(config.stepExecution).toMatchObject({
      steps: "inproc://steps",
      results: "inproc://results",
      connectResults: [],
      batchSize: 10,
      stepQueueHwm: 1000,
      resultQueueHwm: 1000,
      resultTimeoutMs: 300_000,
    });
    expect(config.warnings).toHaveLength(2);
    expect(config.warnings[0]).toMatch(/config\/zeromq\.yaml:4:3: .*this process only/);
  });

  it("lets flags replace the inproc endpoints of such a file", () => {
    file(seedFile);
    const flags = { steps: "ipc://s.sock", results: "tcp://127.0.0.1:*" };
    const config = loadConfig({
      flags: {
        "step_execution.rust_step_publisher": flags.steps,
        "step_execution.rust_result_subscriber": flags.results,
      },
      env: {},
      cwd,
    });
    expect(config.stepExecution).toMatchObject({
      steps: `ipc://${cwd}/s.sock`,
      results: flags.results,
      connectResults: [],
    });
    expect(config.warnings).toEqual([]);
  });

  it("reads paths in a file relative to the file, and those of flags and variables to the working folder", () => {
    file("database: data/a.db\nstep_execution: { rust_step_publisher: 'ipc://s.sock' }", "etc/tasker.yaml");
    const config = loadConfig({ flags: {}, env: { TASKER_CONFIG: "etc/tasker.yaml" }, cwd });
    expect(config.database).toBe(join(cwd, "etc/data/a.db"));
    expect(config.stepExecution.steps).toBe(`ipc://${cwd}/etc/s.sock`);
    expect(loadConfig({ flags: { database: "b.db" }, env: {}, cwd }).database).toBe(join(cwd, "b.db"));
  });

  it("keeps the sockets of two databases in one folder apart", () => {
    const { steps } = loadConfig({ flags: { database: "x/other.db" }, env: {}, cwd }).stepExecution;
    expect(steps).toBe(`ipc://${cwd}/x/other.steps.sock`);
    expect(loadConfig({ flags: { database: "x/tasker.db" }, env: {}, cwd }).stepExecution.steps).toBe(
      `ipc://${cwd}/x/steps.sock`,
    );
  });

  it("connects to a results endpoint that workers bind themselves", () => {
    file("step_execution: { handler_result_publisher: 'tcp://127.0.0.1:7000' }");
    expect(loadConfig({ ...none, cwd }).stepExecution.connectResults).toEqual(["tcp://127.0.0.1:7000"]);
  });

  it("connects to each of several such endpoints, given as a list or separated by commas", () => {
    file(
      "step_execution:\n  handler_result_publisher:\n    - tcp://127.0.0.1:7000\n    - ipc://a.sock\n    - inproc://b\n",
    );
    const own = ["tcp://127.0.0.1:7000", `ipc://${cwd}/a.sock`];
    expect(loadConfig({ ...none, cwd }).stepExecution.connectResults).toEqual(own);
    const env = { TASKER_STEP_EXECUTION_HANDLER_RESULT_PUBLISHER: "tcp://127.0.0.1:7000, ipc://a.sock" };
    const { config, settings } = readConfig({ flags: {}, env, cwd });
    expect(config.stepExecution.connectResults).toEqual(own);
    expect(settings.find(({ key }) => key === "step_execution.handler_result_publisher")!.value).toBe(own.join());
  });

  it("refuses one of several such endpoints for what is wrong with it", () => {
    file("step_execution:\n  handler_result_publisher: [tcp://127.0.0.1:7000, tcp://10.0.0.1:7000]\n");
    expect(refused({})[0]!.message).toMatch(/tcp:\/\/10\.0\.0\.1:7000 lets everybody/);
    file("step_execution:\n  handler_result_publisher: [tcp://127.0.0.1:7000, 5]\n");
    expect(refused({})[0]!.message).toMatch(/expected ipc:.*, found 5/);
  });

  it("does not take the name under which workers reach its own port for another endpoint", () => {
    file(
      "step_execution:\n  allow_insecure_tcp: true\n  rust_result_subscriber: tcp://*:7000\n  handler_result_publisher: tcp://here:7000\n",
    );
    expect(loadConfig({ ...none, cwd }).stepExecution.connectResults).toEqual([]);
  });

  it.each([
    ["TASKER_HTPP", "x", "TASKER_HTTP"],
    ["TASKER_LOGLEVEL", "x", "TASKER_LOG_LEVEL"],
  ])("refuses the unknown variable %s and names the nearest", (name, value, suggestion) => {
    expect(refused({ env: { [name]: value } })).toMatchObject([{ place: name, suggestion }]);
  });

  it("passes over the variables of workers, of clients and of Kubernetes", () => {
    const env = {
      TASKER_URL: "http://x",
      TASKER_WORKER_ID: "w",
      TASKER_SERVICE_HOST: "10.0.0.1",
      TASKER_PORT: "tcp://10.0.0.1:80",
      TASKER_PORT_80_TCP_ADDR: "10.0.0.1",
      TASKER_HTTP: "",
    };
    expect(loadConfig({ flags: {}, env, cwd }).http.port).toBe(8480);
  });

  it.each([
    ["htttp: 127.0.0.1:1", "tasker.yaml:1:1", "http"],
    ["batch_size: 5", "tasker.yaml:1:1", "step_execution.batch_size"],
    ["limits:\n  max_contxt_bytes: 5", "tasker.yaml:2:3", "limits.max_context_bytes"],
    ["step_exection:\n  batch_size: 1", "tasker.yaml:1:1", "step_execution"],
  ])("refuses the unknown key in %j and names the nearest", (text, place, suggestion) => {
    file(text);
    expect(refused({})).toMatchObject([{ place, suggestion }]);
  });

  it.each([
    ["limits:\n  max_bulk_tasks: many", "tasker.yaml:2:3", /an integer from 1 to 100000, found "many"/],
    ["limits:\n  max_bulk_tasks: 1.5", "tasker.yaml:2:3", /found 1.5/],
    ["limits:\n  max_bulk_tasks: 0", "tasker.yaml:2:3", /found 0/],
    ["log_level: loud", "tasker.yaml:1:1", /one of debug, info, warn, error, silent/],
    ["log_level: [a]", "tasker.yaml:1:1", /single value/],
    ["limits: 5", "tasker.yaml:1:1", /a section of keys/],
    ["http: [", "tasker.yaml:1", /not valid YAML/],
    ["http: 127.0.0.1:1\nhttp: 127.0.0.1:2", "tasker.yaml:2", /unique/],
    ["- a", "tasker.yaml:1:1", /a map of keys/],
  ])("names the place and what was expected for %j", (text, place, message) => {
    file(text);
    const [problem] = refused({});
    expect(problem!.place.startsWith(place)).toBe(true);
    expect(problem!.message).toMatch(message);
  });

  it("reports everything that is wrong at once", () => {
    file("log_level: loud\nhtpp: 1\n");
    expect(refused({ env: { TASKER_DRAIN_MS: "-1" } }).map(({ place }) => place)).toEqual([
      "tasker.yaml:2:1",
      "tasker.yaml:1:1",
      "TASKER_DRAIN_MS",
    ]);
  });

  it("refuses a file that is not there, but only if it was named", () => {
    expect(refused({ flags: { config: "no.yaml" } })).toMatchObject([
      { place: "no.yaml", message: expect.stringMatching(/no such file/) },
    ]);
  });

  it.each([
    ["8480", /HOST:PORT/, "Write it like 127.0.0.1:8480."],
    ["http://127.0.0.1:99", /HOST:PORT/, "Write it like 127.0.0.1:99."],
    ["127.0.0.1:99999", /HOST:PORT/, "Ports end at 65535."],
  ])("explains how to write the address %s", (http, message, hint) => {
    const error = refusal({ flags: { http } });
    expect(error.problems).toMatchObject([
      { place: "--http", message: expect.stringMatching(message), hint: expect.stringMatching(hint) },
    ]);
    expect(error.exitCode).toBe(2);
  });

  it.each([
    [{ http: "0.0.0.0:8480" }],
    [{ http: "[::]:8480" }],
    [{ http: "tasker.example:80" }],
    [{ "step_execution.rust_step_publisher": "tcp://*:5555" }],
    [{ "step_execution.rust_result_subscriber": "tcp://0.0.0.0:5556" }],
  ])("does not allow %o: nobody would have to prove who he is", (flags) => {
    const error = refusal({ flags });
    expect(error.exitCode).toBe(4);
    expect(error.problems).toHaveLength(1);
  });

  it.each([[{ http: "[::1]:0" }], [{ http: "localhost:1" }], [{ http: "127.8.0.1:1" }]])("allows %o", (flags) => {
    expect(loadConfig({ flags, env: {}, cwd })).toBeDefined();
  });

  it("refuses a socket path that no socket can have, and offers a shorter one", () => {
    const [problem] = refused({ flags: { database: `${"d".repeat(120)}/tasker.db` } });
    expect(problem!.message).toMatch(/a socket's may have 107/);
    expect(problem!.hint).toContain("--steps ipc:///tmp/tasker-steps.sock");
  });

  it.each([
    ["postgres://localhost/tasker", /embedded database/],
    [":memory:", /would lose/],
    ["sqlite://x.db", /a URL/],
  ])("refuses the database %s with the reason", (database, message) => {
    expect(refused({ flags: { database } })).toMatchObject([
      { place: "--database", message: expect.stringMatching(message) },
    ]);
  });

  it("refuses a folder of templates that is not there", () => {
    expect(refused({ flags: { templates: "nowhere" } })).toMatchObject([
      { place: "--templates", message: `there is no folder ${cwd}/nowhere` },
    ]);
  });

  it("refuses the same endpoint for steps and results", () => {
    const same = "tcp://127.0.0.1:7000";
    const flags = { "step_execution.rust_step_publisher": same, "step_execution.rust_result_subscriber": same };
    expect(refused({ flags })).toMatchObject([{ place: "--results", message: `steps and results are both ${same}` }]);
  });

  it("takes a free port for each", () => {
    const any = "tcp://127.0.0.1:*";
    const flags = { "step_execution.rust_step_publisher": any, "step_execution.rust_result_subscriber": any };
    expect(loadConfig({ flags, env: {}, cwd }).stepExecution).toMatchObject({ steps: any, results: any });
  });
});
