import { writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildStep, buildTask, EventLog, taskId } from "../../testing/build-task.ts";
import { endFrame, FakeServer, frame, problem } from "../../testing/fake-server.ts";
import { TestShell } from "../../testing/test-shell.ts";

let server: FakeServer;
let shell: TestShell;
beforeEach(async () => {
  server = await new FakeServer().start();
  shell = new TestShell();
  shell.env.TASKER_URL = server.url;
});
afterEach(async () => {
  shell.close();
  await server.close();
});

/** What no JSON parser of JavaScript gives back. */
const context = '{"id": 9007199254740993, "price": 1.10, "text": "\\u00e9", "__proto__": {"x": 1e400}}';
const taskText = JSON.stringify(buildTask()).replace('"priority"', `"context":${context},"priority"`);
const created = { status: 201, body: taskText };

describe("task submit", () => {
  const submit = (...more: string[]) => shell.run("task", "submit", "fulfillment/process_order", ...more);
  beforeEach(() => {
    server.on("POST /v1/tasks", created);
  });

  it("sends the context as it was given, and prints the task as the server sent it, on one line", async () => {
    expect(await submit("--context", context, "--json")).toEqual({ code: 0, stdout: `${taskText}\n`, stderr: "" });
    const [asked] = server.askedOf("POST /v1/tasks");
    expect(asked!.body).toBe(`{"namespace":"fulfillment","name":"process_order","context":${context}}`);
    expect(asked!.headers["content-type"]).toBe("application/json");
  });

  it("sends a file's or stdin's text unchanged", async () => {
    const text = `\n${context}\n\n`;
    writeFileSync(join(shell.cwd, "context.json"), text);
    shell.input = text;
    await submit("--context", "@context.json");
    await submit("--context", "@-");
    for (const { body } of server.asked) expect(body).toContain(`"context":${text}}`);
  });

  it("prints one line although the context has several", async () => {
    server.on("POST /v1/tasks", { status: 201, body: taskText.replace(context, '{\n  "id": 9007199254740993\r\n}') });
    const { stdout } = await submit("--json");
    expect(stdout.match(/\n/g)).toHaveLength(1);
    expect(stdout).toContain('"context":{   "id": 9007199254740993 }');
  });

  it("sends everything that was asked for", async () => {
    await shell.run(
      ...["task", "submit", "a/b@2.0.0", "--idempotency-key", "k", "--priority", "-5", "--tag", "x", "--tag", "y"],
      ...["--correlation-id", "c", "--initiator", "me", "--reason", "because"],
    );
    expect(JSON.parse(server.asked[0]!.body)).toEqual({
      namespace: "a",
      name: "b",
      version: "2.0.0",
      idempotency_key: "k",
      priority: -5,
      tags: ["x", "y"],
      correlation_id: "c",
      initiator: "me",
      reason: "because",
      context: {},
    });
  });

  it("says whether the task was there already", async () => {
    expect((await submit()).stdout).toMatch(/in_progress {2}\(submitted\)\n$/);
    server.on("POST /v1/tasks", { status: 200, body: taskText });
    expect((await submit()).stdout).toMatch(/was submitted before under this key/);
  });

  it.each([
    ['{"a": 1,}', /--context:1:9: expected a member name/],
    ["[1]", /--context:1:1: expected an object, found \[1\]/],
    ["null", /expected an object/],
    ["", /--context:1:1: expected a value, found the end/],
    ["@broken.json", /broken\.json:2:3: expected ":"/],
    ["@missing.json", /missing\.json cannot be read: there is no such file/],
    ["@latin1.json", /latin1\.json is not UTF-8/],
  ])("refuses the context %s with its place, and sends nothing", async (given, message) => {
    writeFileSync(join(shell.cwd, "broken.json"), '{"a"\n  1}');
    writeFileSync(join(shell.cwd, "latin1.json"), Buffer.from('{"a":"\xe9"}', "latin1"));
    const { code, stdout, stderr } = await submit("--context", given);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/\n {2}next: /);
    expect(server.asked).toEqual([]);
  });

  it.each([
    [["task", "submit", "process_order"], /not NAMESPACE\/NAME/],
    [["task", "submit", "a/b/c"], /not NAMESPACE\/NAME/],
    [["task", "submit", "a/b", "--contxt", "{}"], /unknown option '--contxt'[\s\S]*--context/],
    [["task", "submit", "a/b", "--timeout", "30"], /Expected a duration/],
    [["task", "submit", "a/b", "--timeout", "30s"], /--timeout without --wait/],
    [["task", "submit", "a/b", "--priority", "1000"], /from -100 to 100/],
    [["task", "submit"], /missing required argument 'template'/],
    [["task", "sumbit", "a/b"], /Did you mean submit/],
  ])("ends with 2 for %j and says what is wrong", async (args, message) => {
    const { code, stdout, stderr } = await shell.run(...args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(message);
  });

  describe("with --wait", () => {
    const completed = new EventLog()
      .add(null, null, "in_progress")
      .runs("validate", "completed")
      .runs("pay", "completed");
    completed.runs("ship", "completed").add(null, "in_progress", "completed");
    const final = taskText.replace('"in_progress"', '"completed"');

    /** Streams these events, from the one on that was asked for; `end` too, unless the task stays open. */
    function streams(log: EventLog, end = true) {
      return (response: ServerResponse, asked: { headers: Readonly<Record<string, unknown>> }) => {
        const after = Number(asked.headers["last-event-id"] ?? 0);
        response.write(": hello\n\n");
        for (const event of log.events) if (event.seq > after) response.write(frame(event));
        if (end) response.end(endFrame);
      };
    }

    it("ends with the final task and nothing else on stdout", async () => {
      server.on(`GET /v1/tasks/${taskId}`, taskText, final);
      server.on(`GET /v1/tasks/${taskId}/stream`, streams(completed));
      expect(await submit("--wait", "--json")).toEqual({ code: 0, stdout: `${final}\n`, stderr: "" });
    });

    it("shows each transition as a line where there is no terminal", async () => {
      const task = JSON.stringify(buildTask({ status: "completed", finished_at: "2026-01-23T12:00:01.500Z" }));
      server.on(`GET /v1/tasks/${taskId}`, task);
      server.on(`GET /v1/tasks/${taskId}/stream`, streams(completed));
      const { code, stdout } = await submit("--wait");
      expect(code).toBe(0);
      const lines = stdout.trimEnd().split("\n");
      expect(lines).toHaveLength(1 + completed.events.length + 1);
      expect(lines[0]).toBe(`fulfillment/process_order@1.0.0  ${taskId}  3 steps`);
      expect(lines[4]).toBe("12:00:00.400  validate  in_progress -> completed  attempt 1  w1");
      expect(lines.at(-1)).toBe(`fulfillment/process_order@1.0.0 ${taskId}: completed in 1.5 s; steps: pending 3`);
    });

    it("ends with 1 and the reasons when the task failed", async () => {
      const log = new EventLog().runs("pay", "failed").add(null, "in_progress", "failed");
      const failed = buildStep("pay", { status: "failed", attempt: 3, error: { message: "declined", code: "card" } });
      server.on(`GET /v1/tasks/${taskId}`, JSON.stringify(buildTask({ status: "failed", steps: [failed] })));
      server.on(`GET /v1/tasks/${taskId}/stream`, streams(log));
      const { code, stdout } = await submit("--wait");
      expect(code).toBe(1);
      expect(stdout).toContain("\n  pay: failed after attempt 3 of 4: card: declined\n");
    });

    it("says when a step failed before any attempt", async () => {
      const log = new EventLog().add(null, "in_progress", "failed");
      const failed = buildStep("pay", { status: "failed", attempt: 0, reason: "queue_timeout" });
      server.on(`GET /v1/tasks/${taskId}`, JSON.stringify(buildTask({ status: "failed", steps: [failed] })));
      server.on(`GET /v1/tasks/${taskId}/stream`, streams(log));
      expect((await submit("--wait")).stdout).toContain("\n  pay: failed before its first attempt: queue_timeout\n");
    });

    it.each(["blocked", "cancelled"])(
      "ends with 1 when the task is %s, although the stream goes on",
      async (status) => {
        const log = new EventLog().add(null, "in_progress", status);
        server.on(`GET /v1/tasks/${taskId}`, JSON.stringify(buildTask({ status })));
        server.on(`GET /v1/tasks/${taskId}/stream`, streams(log, false));
        expect((await submit("--wait", "--json")).code).toBe(1);
      },
    );

    it("does not end with a state that the task has left since", async () => {
      const log = new EventLog().add(null, "in_progress", "blocked").add(null, "blocked", "in_progress");
      const open = JSON.stringify(buildTask());
      let stream: ServerResponse;
      server.on(`GET /v1/tasks/${taskId}/stream`, (response) => {
        stream = response;
        stream.write(frame(log.events[0]!));
      });
      const whenAskedAgain = (response: ServerResponse) => {
        response.end(open);
        stream.end(frame(log.events[1]!) + endFrame);
      };
      server.on(`GET /v1/tasks/${taskId}`, open, whenAskedAgain, final);
      expect((await submit("--wait", "--json")).code).toBe(0);
    });

    it("goes on after a lost connection, with every event once", async () => {
      server.on(`GET /v1/tasks/${taskId}`, final);
      const [first, ...rest] = completed.events;
      server.on(
        `GET /v1/tasks/${taskId}/stream`,
        (response) => void response.write(frame(first!), () => response.destroy()),
        problem(503, "not_ready", "starting"),
        (response) => response.end(frame(first!) + rest.map(frame).join("") + endFrame),
      );
      const { code, stdout, stderr } = await shell.run("task", "watch", taskId, "--json");
      expect(code).toBe(0);
      expect(stdout).toBe(completed.events.map((event) => `${JSON.stringify(event)}\n`).join(""));
      expect(stderr).toMatch(/^warning: the connection was lost.*the task goes on\)\n$/);
      expect(server.askedOf(`GET /v1/tasks/${taskId}/stream`).map(({ headers }) => headers["last-event-id"])).toEqual([
        undefined,
        "1",
        "1",
      ]);
    });

    it("ends with 5 when the time is up, says that the task goes on, and prints it as it was submitted", async () => {
      server.on(`GET /v1/tasks/${taskId}`, taskText);
      server.on(`GET /v1/tasks/${taskId}/stream`, streams(new EventLog().add(null, null, "in_progress"), false));
      const { code, stdout, stderr } = await submit("--wait", "--timeout", "50ms", "--json");
      expect([code, stdout]).toEqual([5, `${taskText}\n`]);
      expect(stderr).toContain("not finished within 50 ms; the task goes on");
      expect(stderr).toContain(`tasker task watch ${taskId}`);
    });

    it("ends with 130 on Ctrl-C, and says that the task goes on", async () => {
      server.on(`GET /v1/tasks/${taskId}`, taskText);
      server.on(`GET /v1/tasks/${taskId}/stream`, streams(new EventLog().add(null, null, "in_progress"), false));
      const ended = submit("--wait");
      await shell.says("in_progress\n");
      shell.interrupt();
      const { code, stderr } = await ended;
      expect(code).toBe(130);
      expect(stderr).toContain("interrupted; the task goes on");
    });

    it("redraws a picture in a terminal, and leaves the last one", async () => {
      shell.terminal = { columns: 100, rows: 20 };
      const done = JSON.stringify(buildTask({ status: "completed", finished_at: "2026-01-23T12:00:01.500Z" }));
      server.on(`GET /v1/tasks/${taskId}`, done);
      server.on(`GET /v1/tasks/${taskId}/stream`, streams(completed));
      const { code, stdout } = await submit("--wait");
      expect(code).toBe(0);
      expect(stdout).toContain("\x1b[?25l");
      expect(stdout.endsWith("\x1b[?25h")).toBe(true);
      expect(stdout).toContain("100 %  3/3 steps");
    });

    it.each([
      ["NO_COLOR", { NO_COLOR: "1" }, []],
      ["--plain", {}, ["--plain"]],
      ["a dumb terminal", { TERM: "dumb" }, []],
    ])("writes plain lines with %s", async (_name, env, flags) => {
      shell.terminal = { columns: 100, rows: 20 };
      Object.assign(shell.env, env);
      server.on(`GET /v1/tasks/${taskId}`, final);
      server.on(`GET /v1/tasks/${taskId}/stream`, streams(completed));
      expect((await submit("--wait", ...flags)).stdout).not.toContain("\x1b");
    });

    it("writes a summary, not a line for each of thousands of steps", async () => {
      const steps = Array.from({ length: 5_000 }, (_, index) => buildStep(`step_${index}`));
      const log = new EventLog();
      for (const { name } of steps) log.runs(name, name === "step_7" ? "failed" : "completed");
      log.add(null, "in_progress", "failed");
      server.on(`GET /v1/tasks/${taskId}`, JSON.stringify(buildTask({ status: "failed", steps })));
      server.on(`GET /v1/tasks/${taskId}/stream`, streams(log));
      const lines = (await submit("--wait")).stdout.trimEnd().split("\n");
      expect(lines.length).toBeLessThan(40);
      expect(lines.filter((line) => line.includes("step_7  in_progress -> failed"))).toHaveLength(1);
      expect(lines.at(-2)).toBe("100 %  5000/5000 steps  failed 1 · completed 4999");
    });
  });
});

describe("task get", () => {
  it("prints the server's text with --json", async () => {
    server.on(`GET /v1/tasks/${taskId}`, taskText);
    expect(await shell.run("task", "get", taskId, "--json")).toEqual({ code: 0, stdout: `${taskText}\n`, stderr: "" });
  });

  it("shows the context as it is, and failures first", async () => {
    const steps = [
      buildStep("validate", { status: "completed", attempt: 1, output: { ok: true } }),
      buildStep("pay", { status: "failed", attempt: 2, error: { message: "declined", code: "card" } }),
    ];
    const text = JSON.stringify(buildTask({ steps })).replace('"priority"', `"context":${context},"priority"`);
    server.on(`GET /v1/tasks/${taskId}`, text);
    const { stdout } = await shell.run("task", "get", taskId);
    expect(stdout).toContain(context);
    expect(stdout).toContain("steps       2: failed 1 · completed 1");
    expect(stdout.split("\n").slice(-4, -1)).toEqual([
      "STEP      STATUS     ATTEMPT  TIME  WORKER  DETAIL",
      "pay       failed     2/4      -     -       card: declined",
      'validate  completed  1/4      -     -       {"ok":true}',
    ]);
  });

  it("shows the first of thousands of steps, and with --all every one", async () => {
    const steps = Array.from({ length: 5_000 }, (_, index) => buildStep(`step_${index}`));
    server.on(`GET /v1/tasks/${taskId}`, JSON.stringify(buildTask({ steps })));
    const { stdout } = await shell.run("task", "get", taskId);
    expect(stdout.split("\n").length).toBeLessThan(45);
    expect(stdout).toContain("... and 4970 more: add --all");
    expect((await shell.run("task", "get", taskId, "--all")).stdout.split("\n").length).toBeGreaterThan(5_000);
  });
});

describe("task list", () => {
  it("sends its filters and shows a page", async () => {
    const item = { ...buildTask(), steps: undefined, progress: { total: 3, completed: 1, failed: 1, in_progress: 0 } };
    server.on("GET /v1/tasks", JSON.stringify({ items: [item], next_cursor: "abc" }));
    const flags = [
      "--status",
      "blocked",
      "--namespace",
      "a b",
      "--name",
      "n",
      "--tag",
      "t",
      "--search",
      "q",
      "--limit",
      "5",
    ];
    const { code, stdout, stderr } = await shell.run("task", "list", ...flags, "--cursor", "c");
    expect(code).toBe(0);
    expect(server.asked[0]!.url).toBe("/v1/tasks?status=blocked&namespace=a%20b&name=n&tag=t&q=q&limit=5&cursor=c");
    expect(stdout).toMatch(
      /in_progress {2}.* {2}1\/3, 1 failed {2}0198c2f0\S+ {2}fulfillment\/process_order@1\.0\.0\n$/,
    );
    expect(stderr).toBe("more: add --cursor abc\n");
  });

  it("prints the server's text with --json", async () => {
    const page = '{"items":[{"id":"x","n":9007199254740993}],"next_cursor":null}';
    server.on("GET /v1/tasks", page);
    expect((await shell.run("task", "list", "--json")).stdout).toBe(`${page}\n`);
  });
});

describe("task events", () => {
  it("prints the whole history, page by page, an event a line and each as the server wrote it", async () => {
    const events = ['{"seq":1,"detail":{"n":9007199254740993}}', '{"seq":2,\n"detail":null}', '{"seq":3}'];
    server.on(
      `GET /v1/tasks/${taskId}/events`,
      `{"items":[${events[0]},${events[1]}],"next_cursor":"2"}`,
      `{"items":[${events[2]}],"next_cursor":null}`,
    );
    const { stdout } = await shell.run("task", "events", taskId, "--json");
    expect(stdout).toBe(`${events[0]}\n{"seq":2, "detail":null}\n${events[2]}\n`);
    expect(server.asked.map(({ url }) => url.split("?")[1])).toEqual(["after=0&limit=1000", "after=2&limit=1000"]);
  });

  it("stops at the limit", async () => {
    server.on(`GET /v1/tasks/${taskId}/events`, '{"items":[{"seq":5},{"seq":6}],"next_cursor":"6"}');
    await shell.run("task", "events", taskId, "--json", "--after", "4", "--limit", "2");
    expect(server.asked.map(({ url }) => url.split("?")[1])).toEqual(["after=4&limit=2"]);
  });
});

describe("task cancel", () => {
  it("sends the reason", async () => {
    server.on(`POST /v1/tasks/${taskId}/cancel`, taskText);
    const { code, stdout } = await shell.run("task", "cancel", taskId, "--reason", "mistake");
    expect([code, stdout]).toEqual([0, `${taskId}  cancelled\n`]);
    expect(server.asked[0]!.body).toBe('{"reason":"mistake"}');
  });
});

describe("a refusal of the server", () => {
  it.each([
    [
      problem(404, "task_not_found", "no such task"),
      2,
      /error: no such task \(task_not_found\)\n {2}next: A hint\.\n$/,
    ],
    [problem(409, "idempotency_conflict", "another body"), 2, /another body/],
    [problem(403, "host_refused", "not here"), 4, /not here/],
    [problem(503, "overloaded", "too much"), 3, /too much \(overloaded\)/],
    [problem(429, "overloaded", "slow down"), 3, /slow down/],
    [problem(500, "internal", "a mistake", { instance: "urn:tasker:request:r7" }), 3, /urn:tasker:request:r7/],
    [{ status: 502, body: "<html>Bad gateway</html>" }, 3, /answered 502, which is not an answer of Tasker/],
    [{ status: 404, body: "{}" }, 2, /TASKER_URL/],
  ])("%o ends with %i", async (answer, code, message) => {
    server.on(`GET /v1/tasks/${taskId}`, answer);
    const outcome = await shell.run("task", "get", taskId, "--json");
    expect([outcome.code, outcome.stdout]).toEqual([code, ""]);
    expect(outcome.stderr).toMatch(message);
  });

  it("lists the places that are wrong", async () => {
    const issues = [
      { path: "context.order_id", message: "must be integer" },
      { path: "context", message: "unknown member ordr_id", suggestion: "order_id" },
    ];
    server.on("POST /v1/tasks", problem(422, "context_invalid", "the context does not fit", { issues }));
    const { stderr } = await shell.run("task", "submit", "a/b");
    expect(stderr).toContain("\n  context.order_id: must be integer\n");
    expect(stderr).toContain("\n  context: unknown member ordr_id; did you mean order_id?\n");
  });

  it("says when to try again", async () => {
    const refused = problem(503, "overloaded", "too much", { hint: null });
    server.on(`GET /v1/tasks/${taskId}`, { ...refused, headers: { "retry-after": "7" } });
    expect((await shell.run("task", "get", taskId)).stderr).toContain("next: Try again in 7 s.");
  });
});

describe("a server that is not there", () => {
  it("ends with 3 and says how to start one", async () => {
    await server.close();
    const { code, stdout, stderr } = await shell.run("task", "list", "--json");
    expect([code, stdout]).toEqual([3, ""]);
    expect(stderr).toContain(`cannot reach the server at ${server.url}: nothing listens there`);
    expect(stderr).toContain("tasker dev");
  });

  it("is looked for where --url says, rather than TASKER_URL", async () => {
    server.on("GET /v1/tasks", '{"items":[],"next_cursor":null}');
    shell.env.TASKER_URL = "http://127.0.0.1:1";
    expect((await shell.run("task", "list", "--url", server.url)).code).toBe(0);
  });

  it.each(["localhost:8480", "ftp://x", "http://"])("cannot have the URL %s", async (url) => {
    shell.env.TASKER_URL = url;
    const { code, stderr } = await shell.run("task", "list");
    expect(code).toBe(2);
    expect(stderr).toContain("is not an HTTP URL");
  });
});
