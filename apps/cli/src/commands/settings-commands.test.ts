import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { judgeSpace, nodeVersion } from "../doctor/machine-checks.ts";
import { FakeServer, problem } from "../testing/fake-server.ts";
import { TestShell } from "../testing/test-shell.ts";
import { shellWord } from "./dev.ts";
import type { Finding } from "./doctor.ts";

let shell: TestShell;
beforeEach(() => {
  shell = new TestShell();
});
afterEach(() => shell.close());

describe("config print", () => {
  it("shows every value with its source, as a file that loads to the same", async () => {
    shell.env.TASKER_LIMITS_MAX_BULK_TASKS = "7";
    const { code, stdout } = await shell.run("config", "print", "--http", "127.0.0.1:9");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^http: "127.0.0.1:9" +# --http$/m);
    expect(stdout).toMatch(/^ {2}max_bulk_tasks: 7 +# TASKER_LIMITS_MAX_BULK_TASKS$/m);
    expect(stdout).toMatch(/^log_level: "info" +# default$/m);
    delete shell.env.TASKER_LIMITS_MAX_BULK_TASKS;
    writeFileSync(join(shell.cwd, "printed.yaml"), stdout);
    const again = await shell.run("config", "print", "--config", "printed.yaml");
    const values = (text: string) => text.replace(/ +#.*$/gm, "");
    expect(values(again.stdout)).toBe(values(stdout));
  });

  it("prints one JSON object with --json", async () => {
    const { stdout } = await shell.run("config", "print", "--json");
    const settings = JSON.parse(stdout) as Record<string, unknown>;
    expect(settings.http).toEqual({ value: "127.0.0.1:8480", source: "default" });
    expect(settings["step_execution.batch_size"]).toEqual({ value: 10, source: "default" });
  });

  it("ends with 2 and every place that is wrong", async () => {
    writeFileSync(join(shell.cwd, "tasker.yaml"), "limts:\n  max_bulk_tasks: 1\nlog_level: loud\n");
    const { code, stdout, stderr } = await shell.run("config", "print");
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("tasker.yaml:1:1: unknown key limts; did you mean limits?");
    expect(stderr).toContain("tasker.yaml:3:1: log_level: expected one of");
  });
});

describe.each(["server", "dev", "doctor"])("tasker %s", (command) => {
  it("refuses settings before anything is started", async () => {
    shell.env.TASKER_BATCH = "1";
    const { code, stdout } = await shell.run(command, "--json");
    expect(code).toBe(command === "doctor" ? 1 : 2);
    if (command !== "doctor") expect(stdout).toBe("");
  });
});

it.each([
  ["--http", "0.0.0.0:8480"],
  ["--steps", "tcp://*:5555"],
])("server %s %s ends with 4: others could reach it, and nobody has to prove who he is", async (flag, value) => {
  const { code, stdout, stderr } = await shell.run("server", "--json", flag, value);
  expect([code, stdout]).toEqual([4, ""]);
  expect(stderr).toMatch(/^error: the configuration is not allowed\n/);
  expect(stderr).toContain(`\n  ${flag}: ${value} `);
});

describe("doctor", () => {
  async function doctor(...flags: string[]): Promise<{ code: number; findings: Record<string, Finding> }> {
    const { code, stdout } = await shell.run("doctor", "--json", ...flags);
    const lines = stdout.trimEnd().split("\n");
    return {
      code,
      findings: Object.fromEntries(
        lines.map((line) => JSON.parse(line) as Finding).map((finding) => [finding.check, finding]),
      ),
    };
  }

  it("is content with a machine on which nothing runs yet, and says how to go on", async () => {
    const { code, findings } = await doctor("--http", "127.0.0.1:0", "--url", "http://127.0.0.1:1");
    // Somebody said which server: it has to be there.
    expect(code).toBe(1);
    expect(findings.server).toMatchObject({ status: "fail", next: expect.stringContaining("tasker dev") });
    expect(findings.node?.status).toBe("ok");
    expect(findings["data folder"]?.status).toBe("ok");
    expect(findings["socket paths"]?.message).toMatch(/ of 107 bytes$/);
    expect(findings["http port"]?.status).toBe("ok");
  });

  it("asks a server that runs for its workers", async () => {
    const server = await new FakeServer().start();
    server.on("GET /readyz", '{"status":"ready"}').on("GET /v1/workers", '{"items":[],"next_cursor":null}');
    const { code, findings } = await doctor("--url", server.url);
    expect(code).toBe(0);
    expect(findings.server).toMatchObject({ status: "ok", message: `${server.url} is ready` });
    expect(findings.workers).toMatchObject({ status: "warn", message: expect.stringContaining("no_worker") });
    server.on("GET /readyz", problem(503, "not_ready", "starting"));
    expect((await doctor("--url", server.url)).findings.server).toMatchObject({ status: "fail" });
    await server.close();
  });

  it("tells of a port that something else uses", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as { port: number };
    const { code, findings } = await doctor("--http", `127.0.0.1:${port}`);
    expect(code).toBe(1);
    expect(findings["http port"]).toMatchObject({
      status: "fail",
      message: `something else listens on 127.0.0.1:${port}`,
    });
    await new Promise((resolve) => other.close(resolve));
  });

  it("tells of settings that are wrong", async () => {
    const { code, findings } = await doctor("--http", "8480");
    expect(code).toBe(1);
    expect(findings.configuration).toMatchObject({ status: "fail", next: "Write it like 127.0.0.1:8480." });
  });

  it("judges what it measures", () => {
    expect(nodeVersion("20.1.0")).toMatchObject({ status: "fail", next: expect.stringContaining("npm install") });
    expect(judgeSpace(50 * 1024 * 1024).status).toBe("fail");
    expect(judgeSpace(500 * 1024 * 1024).status).toBe("warn");
    expect(judgeSpace(5_000 * 1024 * 1024).status).toBe("ok");
  });
});

it.each([
  ["ipc:///a/b.sock", "ipc:///a/b.sock"],
  ["tcp://127.0.0.1:*", "'tcp://127.0.0.1:*'"],
  ["ipc:///it's here", `'ipc:///it'\\''s here'`],
])("writes %s as a word that a shell reads back", (text, word) => {
  expect(shellWord(text)).toBe(word);
});
