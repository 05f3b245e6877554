import { once } from "node:events";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildTask, EventLog, taskId } from "./testing/build-task.ts";
import { FakeServer, frame } from "./testing/fake-server.ts";
import { type StartOptions, TaskerProcess } from "./testing/process.ts";

let cwd: string;
let started: TaskerProcess[];
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "tasker-process-"));
  started = [];
});
afterEach(async () => {
  for (const process of started) await process.kill();
  rmSync(cwd, { recursive: true, force: true });
});

function start(args: readonly string[], options: Partial<StartOptions> = {}): TaskerProcess {
  const process = new TaskerProcess(args, { cwd, ...options });
  started.push(process);
  return process;
}

/** A server on which a watched task never ends. */
async function openEndedServer(): Promise<{ server: FakeServer; watched: Promise<ServerResponse> }> {
  const server = await new FakeServer().start();
  const { promise: watched, resolve } = Promise.withResolvers<ServerResponse>();
  server.on(`GET /v1/tasks/${taskId}`, JSON.stringify(buildTask()));
  server.on(`GET /v1/tasks/${taskId}/stream`, (response) => {
    response.write(frame(new EventLog().add(null, null, "in_progress").events[0]!));
    resolve(response);
  });
  return { server, watched };
}

describe("under an older Node", () => {
  it("runs with the Node that the project brings, and ends with its exit code", async () => {
    const good = start(["--version"], { oldNode: true });
    const wrong = start(["task", "submit", "x"], { oldNode: true });
    expect(await good.ended()).toBe(0);
    expect(good.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(await wrong.ended()).toBe(2);
    expect(wrong.stderr).toContain("NAMESPACE/NAME");
  });

  it("says which version it needs where there is no other", async () => {
    const process = start(["--version"], { oldNode: true, env: { TASKER_RELAUNCHED: "1" } });
    expect(await process.ended()).toBe(2);
    expect(process.stderr).toMatch(/^error: tasker needs Node 24 or later; .*\n {2}next: /);
  });

  it("passes signals on", async () => {
    const { server, watched } = await openEndedServer();
    const process = start(["task", "watch", taskId, "--url", server.url], { oldNode: true });
    await watched;
    await process.says("in_progress");
    process.child.kill("SIGINT");
    expect(await process.ended()).toBe(130);
    expect(process.stderr).toContain("interrupted; the task goes on");
    await server.close();
  });

  it("leaves nothing running when it is killed", async () => {
    const { server, watched } = await openEndedServer();
    const process = start(["task", "watch", taskId, "--url", server.url], { oldNode: true });
    const response = await watched;
    const gone = once(response, "close");
    await process.kill();
    await gone;
    await server.close();
  });
});

const server = ["server", "--http", "127.0.0.1:0", "--json"];
const template = (version: string, handler = "h") =>
  `namespace: shop\nname: order\nversion: ${version}\nsteps:\n  - name: one\n    ${handler === "" ? "handlr" : "handler"}: h\n`;

describe("tasker server", () => {
  it("prints its ready line first and nothing else, and stops in order on SIGTERM", async () => {
    const process = start(server);
    await process.says('"event":"ready"');
    const ready = JSON.parse(process.stdout) as Record<string, unknown>;
    expect(ready).toEqual({
      event: "ready",
      http: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      steps: `ipc://${cwd}/.tasker/steps.sock`,
      results: `ipc://${cwd}/.tasker/results.sock`,
      pid: process.child.pid,
    });
    expect((await fetch(`${ready.http}/readyz`)).status).toBe(200);
    process.child.kill("SIGTERM");
    expect(await process.ended()).toBe(0);
    expect(process.stdout.match(/\n/g)).toHaveLength(1);
    for (const line of process.stderr.trimEnd().split("\n")) expect(JSON.parse(line)).toHaveProperty("event");
  });

  it("refuses a database that another process has, and says so", async () => {
    const first = start(server);
    await first.says('"event":"ready"');
    const second = start([...server, "--steps", "tcp://127.0.0.1:*", "--results", "tcp://127.0.0.1:*"]);
    expect(await second.ended()).toBe(2);
    expect(second.stdout).toBe("");
    expect(second.stderr).toMatch(/^error: .*tasker\.db/m);
  });
});

describe("tasker dev", () => {
  it("prints what a worker needs, and applies templates when they change; a wrong one changes nothing", async () => {
    const folder = join(cwd, "templates");
    mkdirSync(folder);
    const file = join(folder, "order.yaml");
    writeFileSync(file, template("1.0.0"));
    const process = start(["dev", "--http", "127.0.0.1:0", "--templates", "templates"]);
    await process.says("applied  shop/order@1.0.0  templates/order.yaml\n");
    expect(process.stdout).toContain(`  export TASKER_STEPS_ENDPOINT=ipc://${cwd}/.tasker/steps.sock\n`);
    expect(process.stdout).toContain(`  export TASKER_RESULTS_ENDPOINT=ipc://${cwd}/.tasker/results.sock\n`);
    const [, url] = /export TASKER_URL=(\S+)/.exec(process.stdout)!;
    writeFileSync(file, template("1.1.0", ""));
    await process.says("error: templates/order.yaml is not applied");
    expect(process.stderr).toContain("templates/order.yaml:6:5");
    writeFileSync(file, template("1.2.0"));
    await process.says("applied  shop/order@1.2.0");
    // As editors save: a new file takes the place of the old one.
    writeFileSync(`${file}.new`, template("1.3.0"));
    renameSync(`${file}.new`, file);
    await process.says("applied  shop/order@1.3.0");
    mkdirSync(join(folder, "more"));
    writeFileSync(join(folder, "more/order.yml"), template("1.4.0"));
    await process.says("applied  shop/order@1.4.0  templates/more/order.yml");
    const { items } = (await (await fetch(`${url}/v1/templates`)).json()) as { items: { version: string }[] };
    expect(items.map(({ version }) => version)).toEqual(["1.4.0", "1.3.0", "1.2.0", "1.0.0"]);
    process.child.kill("SIGINT");
    expect(await process.ended()).toBe(0);
  });
});
