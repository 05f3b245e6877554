import { TaskerError } from "@tasker/engine";
import { expect, test } from "vitest";
import { startApi } from "../testdata/start-api.ts";

test("passes a template on as text, with the names of the path", async () => {
  const { put, orchestrator } = await startApi();
  const yaml = "name: order # é\nsteps: []\n";
  const created = await put("/v1/templates/shop/order/1.0.0", yaml, "application/yaml; charset=utf-8");
  expect(created.statusCode).toBe(201);
  expect(created.json()).toMatchObject({ name: "order", source: yaml });
  const again = await put("/v1/templates/a%2Fb/c%20d/1", '{ "id": 9007199254740993 }', "application/json");
  expect(again.statusCode).toBe(200);
  expect(orchestrator.applied).toEqual([
    { text: yaml, expected: { namespace: "shop", name: "order", version: "1.0.0" }, contentType: "application/yaml" },
    {
      text: '{ "id": 9007199254740993 }',
      expected: { namespace: "a/b", name: "c d", version: "1" },
      contentType: "application/json",
    },
  ]);
});

test("a refused template comes back with its places", async () => {
  const { put, orchestrator } = await startApi();
  const issues = [{ path: "steps[0].depend_on", message: "unknown", suggestion: "depends_on", line: 4, column: 5 }];
  orchestrator.failure = new TaskerError("template_invalid", "it is not valid", { hint: "Correct it.", issues });
  expect((await put("/v1/templates/a/b/1", "x")).json()).toMatchObject({
    status: 422,
    code: "template_invalid",
    issues,
  });
  orchestrator.failure = new TaskerError("template_conflict", "other content", { hint: "Raise it." });
  expect((await put("/v1/templates/a/b/1", "x")).json()).toMatchObject({ status: 409, code: "template_conflict" });
});

test("refuses a template without a body, of another type, or beyond the limit", async () => {
  const { put, app } = await startApi({ limits: { templateBytes: 10 } });
  const url = "/v1/templates/a/b/1";
  expect((await app.inject({ method: "PUT", url })).json()).toMatchObject({ status: 400 });
  expect((await put(url, "")).json()).toMatchObject({ status: 400, code: "request_invalid" });
  expect((await put(url, "x", "image/png")).json()).toMatchObject({ status: 415, code: "media_type_unsupported" });
  expect((await put(url, "0123456789")).statusCode).toBe(201);
  expect((await put(url, "0123456789a")).json()).toMatchObject({ status: 413, code: "content_too_large" });
  expect((await put(url, Buffer.from([0x61, 0xff]), "text/plain" as never)).json()).toMatchObject({ status: 400 });
});

test("answers with one version, or with the highest", async () => {
  const { get } = await startApi();
  expect((await get("/v1/templates/shop/order/1.0.0")).json()).toMatchObject({ version: "1.0.0" });
  expect((await get("/v1/templates/shop/order")).json()).toMatchObject({ version: "1.0.0" });
  expect((await get("/v1/templates/shop/order/9.9.9")).json()).toMatchObject({
    status: 404,
    code: "template_not_found",
  });
  expect((await get("/v1/templates/shop/none")).json()).toMatchObject({ status: 404, code: "template_not_found" });
  expect((await get("/v1/templates")).json()).toEqual({ items: [], next_cursor: null });
});
