import fc from "fast-check";
import { expect, test } from "vitest";
import { problemTypes } from "./problem.ts";
import { uuidOf } from "./testdata/fake-orchestrator.ts";
import { startApi } from "./testdata/start-api.ts";

const memberNames = [
  "namespace",
  "name",
  "version",
  "context",
  "idempotency_key",
  "priority",
  "tags",
  "reason",
  "__proto__",
];
const submission = fc
  .dictionary(fc.constantFrom(...memberNames), fc.jsonValue())
  .map((members) => ({ namespace: "shop", name: "order", ...members }));
const json = fc.oneof(
  fc.json(),
  submission.map((value) => JSON.stringify(value)),
  fc.array(fc.oneof(submission, fc.jsonValue())).map((tasks) => JSON.stringify({ tasks })),
);
const broken = fc.tuple(json, fc.nat(), fc.uint8Array({ maxLength: 4 })).map(([text, at, bytes]) => {
  const whole = Buffer.from(text);
  const place = at % (whole.length + 1);
  return Buffer.concat([whole.subarray(0, place), bytes, whole.subarray(place + 1)]);
});
const body = fc.oneof(
  json,
  broken,
  fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
);
const route = fc.constantFrom<["POST" | "PUT", string]>(
  ["POST", "/v1/tasks"],
  ["POST", "/v1/tasks/bulk"],
  ["POST", `/v1/tasks/${uuidOf(1)}/cancel`],
  ["PUT", "/v1/templates/shop/order/1.0.0"],
);
const contentType = fc.constantFrom(
  "application/json",
  "application/json; charset=utf-8",
  "application/yaml",
  "text/plain",
  "x",
);

test("no body is an error of the server's", async () => {
  const { app, orchestrator } = await startApi();
  orchestrator.addTask();
  await fc.assert(
    fc.asyncProperty(route, contentType, body, async ([method, url], type, payload) => {
      const answer = await app.inject({ method, url, headers: { "content-type": type }, payload });
      expect(answer.statusCode).toBeLessThan(500);
      const value = answer.json();
      if (answer.statusCode >= 400) {
        expect(answer.headers["content-type"]).toBe("application/problem+json");
        expect(problemTypes).toHaveProperty(value.code);
      }
    }),
    { numRuns: 1_000 },
  );
}, 60_000);

test("what is taken comes back byte for byte", async () => {
  const { app, orchestrator } = await startApi();
  await fc.assert(
    fc.asyncProperty(fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue()), fc.nat(3), async (value, indent) => {
      const context = JSON.stringify(value, null, indent);
      const payload = `{"namespace":"shop","name":"order","context":${context}}`;
      const answer = await app.inject({
        method: "POST",
        url: "/v1/tasks",
        headers: { "content-type": "application/json" },
        payload,
      });
      expect(orchestrator.submitted.at(-1)!.context).toBe(context);
      expect(answer.body).toContain(`"context":${context},"priority":0`);
    }),
    { numRuns: 300 },
  );
}, 60_000);

test("no query or path is an error of the server's", async () => {
  const { app } = await startApi();
  const url = fc.oneof(
    fc.webQueryParameters().map((query) => `/v1/tasks?${query}`),
    fc.string().map((text) => `/v1/tasks?q=${encodeURIComponent(text.toWellFormed())}&limit=5`),
    fc.webPath().map((path) => `/v1/tasks/${path}`),
    fc.webPath().map((path) => `/v1/templates/a/${path}`),
  );
  await fc.assert(
    fc.asyncProperty(url, async (path) => {
      expect((await app.inject({ url: path })).statusCode).toBeLessThan(500);
    }),
    { numRuns: 500 },
  );
}, 60_000);
