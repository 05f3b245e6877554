import { TaskerError } from "@tasker/engine";
import { expect, test } from "vitest";
import { uuidOf } from "../testdata/fake-orchestrator.ts";
import { order, startApi } from "../testdata/start-api.ts";

const json = JSON.stringify;

test("passes a submission on with all of its members, and answers with the task and its steps", async () => {
  const { post, orchestrator } = await startApi();
  const context = '{ "id": 9007199254740993, "rate": 1.50, "s": "\\u00e9" }';
  const rest = {
    version: "1.0.0",
    idempotency_key: "k",
    priority: -5,
    tags: ["b", "a"],
    correlation_id: "c",
    initiator: "me",
    reason: "r",
  };
  const answer = await post("/v1/tasks", `{"context" : ${context} , ${json(order(rest)).slice(1)}`);
  expect(answer.statusCode).toBe(201);
  expect(answer.headers).toMatchObject({
    location: `/v1/tasks/${uuidOf(1)}`,
    "content-type": "application/json; charset=utf-8",
  });
  expect(answer.body).toContain(`"context":${context},`);
  expect(answer.json()).toMatchObject({ id: uuidOf(1), status: "in_progress", priority: -5, tags: ["b", "a"] });
  expect(answer.json().steps.map(({ status }: { status: string }) => status)).toEqual(["ready", "pending", "pending"]);
  expect(orchestrator.submitted).toEqual([
    {
      namespace: "shop",
      name: "order",
      version: "1.0.0",
      context,
      contextValue: JSON.parse(context),
      idempotencyKey: "k",
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
      priority: -5,
      tags: ["b", "a"],
      correlationId: "c",
      initiator: "me",
      reason: "r",
    },
  ]);
});

test("a submission may leave out all but the template", async () => {
  const { post, orchestrator } = await startApi();
  expect((await post("/v1/tasks", json(order()))).statusCode).toBe(201);
  expect(
    (await post("/v1/tasks", json(order({ version: null, idempotency_key: null, reason: null })))).statusCode,
  ).toBe(201);
  const nothing = {
    version: null,
    context: "{}",
    contextValue: {},
    idempotencyKey: null,
    fingerprint: null,
    priority: 0,
    tags: [],
    reason: null,
  };
  expect(orchestrator.submitted).toMatchObject([nothing, nothing]);
});

test("says of a fresh task that no worker has the handler of its first step", async () => {
  const { post, orchestrator } = await startApi();
  orchestrator.served = ["another"];
  const task = (await post("/v1/tasks", json(order()))).json();
  expect([task.reason, task.steps[0].reason]).toEqual(["no_worker", "no_worker"]);
});

test("the same key and body is the same task; another body is a conflict", async () => {
  const { post, orchestrator } = await startApi();
  const send = (members: object) =>
    post("/v1/tasks", json(order({ idempotency_key: "k", tags: ["a", "b"], ...members })));
  const first = await send({ context: { n: 1 } });
  const again = await send({ context: { n: 1 }, tags: ["b", "a"], reason: "tried again" });
  expect([first.statusCode, again.statusCode]).toEqual([201, 200]);
  expect(again.json().id).toBe(first.json().id);
  expect(again.headers.location).toBe(first.headers.location);
  for (const other of [
    { context: { n: 2 } },
    { context: { n: 1 }, priority: 1 },
    { context: { n: 1 }, version: "1.0.0" },
    { context: { n: 1 }, tags: ["a"] },
  ]) {
    expect((await send(other)).json()).toMatchObject({ status: 409, code: "idempotency_conflict" });
  }
  expect(orchestrator.tasks.size).toBe(1);
});

test("an unchanged fingerprint needs an unchanged context, byte for byte", async () => {
  const { post, orchestrator } = await startApi();
  for (const context of ['{"n":1}', '{"n": 1}', '{"n":1}']) {
    await post("/v1/tasks", `{"namespace":"shop","name":"order","idempotency_key":"k","context":${context}}`);
  }
  const [one, spaced, same] = orchestrator.submitted.map(({ fingerprint }) => fingerprint);
  expect(same).toBe(one);
  expect(spaced).not.toBe(one);
});

test("of two members of one name the last counts, in text and value alike", async () => {
  const { post, orchestrator } = await startApi();
  const twice = '{"namespace":"shop","context":{"n":1},"name":"order","c\\u006fntext":{"n":2}}';
  await post("/v1/tasks", twice);
  await post("/v1/tasks/bulk", `{"tasks":[{"x":1}],"tasks":[${twice}]}`);
  expect(orchestrator.submitted).toMatchObject([
    { context: '{"n":2}', contextValue: { n: 2 } },
    { context: '{"n":2}', contextValue: { n: 2 } },
  ]);
});

test("a context with the name of a prototype in it is a context like any other", async () => {
  const { post, orchestrator } = await startApi();
  const context = '{"__proto__":{"admin":true},"constructor":1}';
  expect((await post("/v1/tasks", `{"namespace":"shop","name":"order","context":${context}}`)).statusCode).toBe(201);
  expect(orchestrator.submitted[0]!.context).toBe(context);
  expect(({} as { admin?: boolean }).admin).toBeUndefined();
  const refused = await post("/v1/tasks", '{"namespace":"shop","name":"order","__proto__":{}}');
  expect(refused.json()).toMatchObject({ status: 400, issues: [{ path: "__proto__" }] });
});

test("a refusal of the engine comes back as its problem", async () => {
  const { post, orchestrator } = await startApi();
  expect((await post("/v1/tasks", json(order({ name: "ordr" })))).json()).toMatchObject({
    status: 404,
    code: "template_not_found",
    hint: "Did you mean shop/order?",
  });
  const issues = [{ path: "context.id", message: "must be integer" }];
  orchestrator.failure = new TaskerError("context_invalid", "it does not fit", { hint: "Look.", issues });
  expect((await post("/v1/tasks", json(order()))).json()).toMatchObject({
    status: 422,
    code: "context_invalid",
    issues,
  });
  orchestrator.failure = new TaskerError("overloaded", "too much", { hint: "Wait." });
  const overloaded = await post("/v1/tasks/bulk", json({ tasks: [order()] }));
  expect(overloaded.json()).toMatchObject({ status: 503, code: "overloaded" });
  expect(overloaded.headers["retry-after"]).toBe("1");
});

test("answers each task of a bulk call on its own, in order", async () => {
  const { post, orchestrator } = await startApi();
  const tasks = [order({ context: { n: 1 } }), order({ nam: "x" }), order({ name: "none" }), 7, order({ priority: 3 })];
  const answer = await post("/v1/tasks/bulk", json({ tasks }));
  expect(answer.statusCode).toBe(200);
  const { items } = answer.json();
  expect(items).toMatchObject([
    { id: uuidOf(1), status: "in_progress", namespace: "shop", name: "order", version: "1.0.0" },
    { status: 400, code: "request_invalid", issues: [{ path: "nam", suggestion: "name" }] },
    { status: 404, code: "template_not_found" },
    { status: 400, code: "request_invalid", issues: [{ path: "", message: "expected an object, got 7" }] },
    { id: uuidOf(2), priority: 3 },
  ]);
  expect(items[0]).not.toHaveProperty("steps");
  expect(items[2].instance).toMatch(/^urn:tasker:request:.+#\/tasks\/2$/);
  expect(orchestrator.submitted.map(({ context }) => context)).toEqual(['{"n":1}', "{}", "{}"]);
});

test("each task of a bulk call keeps the bytes of its own context", async () => {
  const { post, orchestrator } = await startApi();
  const contexts = ['{"id":9007199254740993}', "{ }", '{"a":"],}{"}'];
  const tasks = contexts.map((context) => `{"name":"order","context": ${context},"namespace":"shop"}`);
  await post("/v1/tasks/bulk", `{ "tasks": [ ${tasks.join(" ,\n")} ] }`);
  expect(orchestrator.submitted.map(({ context }) => context)).toEqual(contexts);
});

test("an empty bulk call is answered without asking anybody", async () => {
  const { post, orchestrator } = await startApi();
  orchestrator.failure = new Error("not to be asked");
  expect((await post("/v1/tasks/bulk", '{"tasks":[]}')).json()).toEqual({ items: [] });
});

test("hands a filter to the reader, with what was not given as null", async () => {
  const { get, orchestrator } = await startApi();
  orchestrator.addTask();
  expect((await get("/v1/tasks")).json()).toMatchObject({ items: [{ id: uuidOf(1) }], next_cursor: null });
  await get("/v1/tasks?status=failed&namespace=a&name=b&tag=c%20d&q=e&cursor=f&limit=1000");
  expect(orchestrator.filters).toEqual([
    { status: null, namespace: null, name: null, tag: null, q: null, cursor: null, limit: 100 },
    { status: "failed", namespace: "a", name: "b", tag: "c d", q: "e", cursor: "f", limit: 1000 },
  ]);
});

test.each([
  ["limit=0", "limit"],
  ["limit=1001", "limit"],
  ["limit=ten", "limit"],
  ["limit=1&limit=2", "limit"],
  ["status=done", "status"],
  ["stats=failed", "stats"],
  ["q=%00", "q"],
  ["__proto__=1", "__proto__"],
])("refuses the list query %s", async (query, path) => {
  const { get } = await startApi();
  expect((await get(`/v1/tasks?${query}`)).json()).toMatchObject({
    status: 400,
    code: "request_invalid",
    issues: [{ path }],
  });
});

test("answers with one task, and says what nobody knows", async () => {
  const { get, orchestrator } = await startApi();
  const task = orchestrator.addTask({ context: '{"id":9007199254740993}' });
  const answer = await get(`/v1/tasks/${task.id}`);
  expect(answer.body).toContain('"context":{"id":9007199254740993}');
  expect(answer.json().steps).toHaveLength(3);
  const lettered = orchestrator.addTask({ id: uuidOf(0xabc) });
  expect((await get(`/v1/tasks/${lettered.id.toUpperCase()}`)).json()).toMatchObject({ id: lettered.id });
  for (const id of [uuidOf(9), "7", "x'--"]) {
    expect((await get(`/v1/tasks/${id}`)).json()).toMatchObject({ status: 404, code: "task_not_found" });
  }
});

test("sends what the reader made as bytes unchanged", async () => {
  const { app, get, orchestrator } = await startApi();
  const text = '{"id": 9007199254740993, "é": "\u{1f600}"}';
  const buffer = new TextEncoder().encode(`xx${text}`);
  Object.assign(orchestrator.reader, { task: async () => buffer.subarray(2) });
  const answer = await get(`/v1/tasks/${uuidOf(1)}`);
  expect(answer.body).toBe(text);
  expect(answer.headers["content-type"]).toBe("application/json; charset=utf-8");
  const head = await app.inject({ method: "HEAD", url: `/v1/tasks/${uuidOf(1)}` });
  expect([head.statusCode, head.body]).toEqual([200, ""]);
});

test("cancels a task with the reason given, or with none", async () => {
  const { post, orchestrator } = await startApi();
  const [one, two] = [orchestrator.addTask(), orchestrator.addTask()];
  const answer = await post(`/v1/tasks/${one.id}/cancel`, '{"reason":"a mistake"}');
  expect(answer.json()).toMatchObject({ id: one.id, status: "cancelled", reason: "a mistake" });
  expect((await post(`/v1/tasks/${two.id}/cancel`)).statusCode).toBe(200);
  expect(orchestrator.cancelled).toEqual([
    { id: one.id, reason: "a mistake", actor: "client" },
    { id: two.id, reason: null, actor: "client" },
  ]);
  expect((await post(`/v1/tasks/${one.id}/cancel`, "")).json()).toMatchObject({ status: 409, code: "task_final" });
  expect((await post(`/v1/tasks/${uuidOf(9)}/cancel`)).json()).toMatchObject({ status: 404, code: "task_not_found" });
  expect((await post(`/v1/tasks/${two.id}/cancel`, '{"why":"x"}')).json()).toMatchObject({ status: 400 });
});

test("pages through the history of a task", async () => {
  const { get, orchestrator } = await startApi();
  const task = orchestrator.addTask();
  orchestrator.commit(task, {}, { step: "s1" }, { step: "s2" });
  const first = (await get(`/v1/tasks/${task.id}/events?limit=2`)).json();
  expect(first).toMatchObject({
    items: [
      { seq: 1, step: null },
      { seq: 2, step: "s1" },
    ],
    next_cursor: "2",
  });
  const second = (await get(`/v1/tasks/${task.id}/events?limit=2&cursor=${first.next_cursor}`)).json();
  expect(second).toMatchObject({ items: [{ seq: 3, task_id: task.id }], next_cursor: null });
  expect((await get(`/v1/tasks/${task.id}/events?after=2`)).json().items).toHaveLength(1);
  expect((await get(`/v1/tasks/${uuidOf(9)}/events`)).json()).toMatchObject({ status: 404 });
  expect((await get(`/v1/tasks/${task.id}/events?after=-1`)).json()).toMatchObject({ status: 400 });
  expect((await get(`/v1/tasks/${task.id}/events?after=99999999999999999999`)).json()).toMatchObject({ status: 400 });
});
