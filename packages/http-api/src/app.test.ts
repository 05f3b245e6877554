import { connect } from "node:net";
import { expect, test } from "vitest";
import { defaultHttpLimits } from "./index.ts";
import { order, startApi } from "./testdata/start-api.ts";

const json = JSON.stringify;
const problem = (status: number, code: string) => ({ status, code });

test("an unknown path is a problem, another method is one that names those that are taken", async () => {
  const { app, get } = await startApi();
  const unknown = await get("/v1/task?x=1");
  expect(unknown.json()).toMatchObject(problem(404, "route_not_found"));
  expect(unknown.headers["content-type"]).toBe("application/problem+json");
  const other = await app.inject({
    method: "DELETE",
    url: "/v1/tasks",
    headers: { "content-type": "x/y" },
    payload: "x",
  });
  expect(other.json()).toMatchObject(problem(405, "method_not_allowed"));
  expect(other.headers.allow).toBe("POST, GET");
  for (const method of ["OPTIONS", "TRACE", "QUERY"] as const)
    expect((await app.inject({ method: method as "OPTIONS", url: "/v1/stream" })).statusCode).toBe(405);
  expect((await app.inject({ method: "HEAD", url: "/readyz" })).statusCode).toBe(200);
});

test.each([
  ["no type", undefined, {}],
  ["another type", "text/csv", {}],
  ["a form's type", "text/plain", {}],
  ["a compressed body", "application/json", { "content-encoding": "gzip" }],
])("refuses a task of %s", async (_name, contentType, more) => {
  const { app, orchestrator } = await startApi();
  const headers = { ...(contentType !== undefined && { "content-type": contentType }), ...more };
  const refused = await app.inject({ method: "POST", url: "/v1/tasks", headers, payload: Buffer.from(json(order())) });
  expect(refused.json()).toMatchObject(problem(415, "media_type_unsupported"));
  expect(orchestrator.submitted).toEqual([]);
});

test.each([
  ["broken JSON", '{"a":1,\n}', "line 2, column 1"],
  ["half a body", '{"namespace":"shop"', "line 1, column 20"],
  ["no JSON at all", "\u0000", "line 1, column 1"],
])("says where a body stops being JSON: %s", async (_name, body, place) => {
  const { post } = await startApi();
  const refused = (await post("/v1/tasks", body)).json();
  expect(refused).toMatchObject({ ...problem(400, "request_invalid"), issues: [{ path: "" }] });
  expect(refused.detail).toContain(place);
});

test("refuses bytes that are not UTF-8 rather than change them", async () => {
  const { post, orchestrator } = await startApi();
  const body = Buffer.concat([
    Buffer.from('{"namespace":"shop","name":"order","context":{"a":"'),
    Buffer.from([0xff]),
    Buffer.from('"}}'),
  ]);
  expect((await post("/v1/tasks", body)).json()).toMatchObject({
    ...problem(400, "request_invalid"),
    detail: "the body is not UTF-8",
  });
  expect(orchestrator.submitted).toEqual([]);
});

test("a missing body is refused, in whatever way it is missing", async () => {
  const { app, post } = await startApi();
  expect((await app.inject({ method: "POST", url: "/v1/tasks" })).json()).toMatchObject(
    problem(400, "request_invalid"),
  );
  expect((await post("/v1/tasks", "")).json()).toMatchObject(problem(400, "request_invalid"));
  expect((await post("/v1/tasks/bulk", "null")).json()).toMatchObject(problem(400, "request_invalid"));
});

/** Pairs of what is just taken and what is just not. */
const edges: [string, Record<string, unknown>, Record<string, unknown>, string][] = [
  ["nesting", { context: nested(3) }, { context: nested(4) }, ""],
  ["tags", { tags: ["a", "b"] }, { tags: ["a", "b", "c"] }, "tags"],
  ["tag", { tags: ["😀😀😀"] }, { tags: ["😀😀😀😀"] }, "tags[0]"],
  ["key", { idempotency_key: "12345" }, { idempotency_key: "123456" }, "idempotency_key"],
  ["correlation id", { correlation_id: "x".repeat(10) }, { correlation_id: "x".repeat(11) }, "correlation_id"],
  ["reason", { reason: "x".repeat(7) }, { reason: "x".repeat(8) }, "reason"],
  ["lowest priority", { priority: -100 }, { priority: -101 }, "priority"],
  ["highest priority", { priority: 100 }, { priority: 101 }, "priority"],
];

test.each(edges)("takes a submission at the limit and refuses one beyond: %s", async (_name, at, beyond, path) => {
  const limits = { depth: 4, tags: 2, tagChars: 3, idempotencyKeyChars: 5, nameChars: 10, reasonChars: 7 };
  const { post } = await startApi({ limits });
  expect((await post("/v1/tasks", json(order(at)))).statusCode).toBe(201);
  const refused = (await post("/v1/tasks", json(order(beyond)))).json();
  expect(refused).toMatchObject(problem(400, "request_invalid"));
  expect(refused.issues[0]?.path ?? "").toBe(path);
});

test("takes a context, a body and a bulk call at their limits and refuses those beyond", async () => {
  const { post } = await startApi({ limits: { contextBytes: 20, bodyBytes: 300, bulkTasks: 3 } });
  const ofBytes = (bytes: number) => order({ context: { s: `${"é".repeat(5)}${"x".repeat(bytes - 18)}` } });
  expect((await post("/v1/tasks", json(ofBytes(20)))).statusCode).toBe(201);
  const refused = await post("/v1/tasks", json(ofBytes(21)));
  expect(refused.json()).toMatchObject({ ...problem(413, "content_too_large"), issues: [{ path: "context" }] });
  expect((await post("/v1/tasks/bulk", json({ tasks: [ofBytes(21), ofBytes(20)] }))).json().items).toMatchObject([
    problem(413, "content_too_large"),
    { status: "in_progress" },
  ]);
  expect((await post("/v1/tasks/bulk", json({ tasks: [0, 0, 0] }))).statusCode).toBe(200);
  expect((await post("/v1/tasks/bulk", json({ tasks: [0, 0, 0, 0] }))).json()).toMatchObject({
    ...problem(413, "content_too_large"),
    issues: [{ path: "tasks", message: "at most 3 items, got 4" }],
  });
  const padded = (bytes: number) => json({ tasks: [] }).padEnd(bytes);
  expect((await post("/v1/tasks/bulk", padded(300))).statusCode).toBe(200);
  expect((await post("/v1/tasks/bulk", padded(301))).json()).toMatchObject({
    ...problem(413, "content_too_large"),
    detail: "the body is larger than this route takes: at most 300 bytes",
  });
});

test("its own limits are those of the contract", async () => {
  const { post } = await startApi();
  const tasks = Array.from({ length: 1_000 }, () => order());
  expect((await post("/v1/tasks/bulk", json({ tasks }))).json().items).toHaveLength(1_000);
  expect((await post("/v1/tasks/bulk", json({ tasks: [...tasks, order()] }))).statusCode).toBe(413);
  const full = json({ s: "x".repeat(defaultHttpLimits.contextBytes - 8) });
  expect((await post("/v1/tasks", `{"namespace":"shop","name":"order","context":${full}}`)).statusCode).toBe(201);
  expect(
    (await post("/v1/tasks", `{"namespace":"shop","name":"order","context":${full.replace("x", "xx")}}`)).statusCode,
  ).toBe(413);
  expect((await post("/v1/tasks", `{"namespace":"shop","name":"order","context":${"[".repeat(2e6)}`)).statusCode).toBe(
    400,
  );
});

test("takes no query where there is none to take", async () => {
  const { get } = await startApi();
  expect((await get("/readyz?wait=1")).json()).toMatchObject({
    ...problem(400, "request_invalid"),
    issues: [{ path: "wait" }],
  });
});

test("every answer has an id and keeps browsers in their place", async () => {
  const { get } = await startApi();
  for (const url of ["/livez", "/nowhere"]) {
    expect((await get(url)).headers).toMatchObject({
      "x-request-id": expect.stringMatching(/^[0-9a-f]{8}-\w+$/),
      "x-content-type-options": "nosniff",
      "cache-control": "no-store",
      "content-security-policy": expect.stringContaining("default-src 'none'"),
    });
  }
});

test("logs writes at info, reads at debug, and what it got wrong at error with the id of the problem", async () => {
  const { get, post, log, orchestrator } = await startApi();
  await post("/v1/tasks", json(order()));
  await get("/v1/tasks?limit=1");
  orchestrator.failure = new TypeError("a bug");
  const failed = await post("/v1/tasks", json(order()));
  expect(failed.json()).toMatchObject({ ...problem(500, "internal"), detail: "the server made a mistake" });
  const request = failed.headers["x-request-id"];
  expect(failed.json().instance).toBe(`urn:tasker:request:${request}`);
  expect(log.lines).toMatchObject([
    {
      level: "info",
      event: "http.request",
      fields: { method: "POST", route: "/v1/tasks", status: 201, ms: expect.any(Number), task: expect.any(String) },
    },
    { level: "debug", event: "http.request", fields: { method: "GET", route: "/v1/tasks", status: 200 } },
    {
      level: "error",
      event: "http.failed",
      fields: { request, code: "internal", error: "a bug", stack: expect.anything() },
    },
    { level: "info", event: "http.request", fields: { request, status: 500, code: "internal" } },
  ]);
});

test("answers a request that is not HTTP, and one whose path is not a path, with problems", async () => {
  const { listen, get } = await startApi();
  expect((await get("/v1/tasks/%zz")).json()).toMatchObject(problem(400, "request_invalid"));
  const { port } = new URL(await listen());
  const socket = connect(Number(port), "127.0.0.1");
  socket.end("NOT HTTP\r\n\r\n");
  const answer = (await socket.setEncoding("utf8").toArray()).join("");
  expect(answer).toMatch(/^HTTP\/1.1 400 /);
  expect(JSON.parse(answer.slice(answer.indexOf("\r\n\r\n")))).toMatchObject(problem(400, "request_invalid"));
});

/** Objects inside each other, the outermost included. */
function nested(levels: number): object {
  return levels === 1 ? {} : { in: nested(levels - 1) };
}
