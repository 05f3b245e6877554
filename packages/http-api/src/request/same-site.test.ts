import { expect, test } from "vitest";
import { startApi } from "../testdata/start-api.ts";
import { assertServedHost } from "./same-site.ts";

test.each([
  "localhost",
  "localhost:8480",
  "LOCALHOST.",
  "tasker.localhost:1",
  "127.0.0.1:8480",
  "127.9.9.9",
  "[::1]:8480",
])("serves the loopback host %s", (host) => expect(() => assertServedHost(host, [])).not.toThrow());

test.each([
  "evil.example",
  "127.0.0.1.evil.example",
  "localhost.evil.example",
  "10.0.0.1:8480",
  "[::2]",
  "",
  undefined,
])("refuses the host %s", (host) => expect(() => assertServedHost(host, [])).toThrow("is not served here"));

test("serves the hosts that it was given, or any", () => {
  expect(() => assertServedHost("Tasker.internal:80", ["tasker.internal"])).not.toThrow();
  expect(() => assertServedHost("other", ["tasker.internal"])).toThrow();
  expect(() => assertServedHost("other", "any")).not.toThrow();
});

test("refuses a host before it does anything", async () => {
  const { app, orchestrator } = await startApi();
  const refused = await app.inject({
    method: "POST",
    url: "/v1/tasks",
    headers: { host: "evil.example", "content-type": "application/json" },
    payload: '{"namespace":"shop","name":"order"}',
  });
  expect(refused.json()).toMatchObject({ status: 403, code: "host_refused" });
  expect(orchestrator.submitted).toEqual([]);
});

test.each([
  ["a program", {}, 201],
  ["its own page", { origin: "http://localhost:80", "sec-fetch-site": "same-origin" }, 201],
  ["its own page, in an old browser", { origin: "http://localhost:80" }, 201],
  ["a page of another site", { origin: "https://evil.example", "sec-fetch-site": "cross-site" }, 403],
  ["a page of another site, in an old browser", { origin: "https://evil.example" }, 403],
  ["a sandboxed page", { origin: "null" }, 403],
  ["a page of another port", { origin: "http://localhost:3000", "sec-fetch-site": "same-site" }, 403],
  [
    "a form of another site",
    { origin: "https://evil.example", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" },
    403,
  ],
  ["a browser that hides the origin", { "sec-fetch-site": "cross-site" }, 403],
])("a post from %s", async (_name, headers, status) => {
  const { app } = await startApi();
  const payload = '{"namespace":"shop","name":"order"}';
  const answer = await app.inject({
    method: "POST",
    url: "/v1/tasks",
    headers: { host: "localhost:80", "content-type": "application/json", ...headers },
    payload,
  });
  expect(answer.statusCode).toBe(status);
  if (status === 403) expect(answer.json()).toMatchObject({ code: "origin_refused" });
});

test("a link from another site may be followed, a script of it may not read", async () => {
  const { app } = await startApi();
  const get = (mode: string) =>
    app.inject({ url: "/v1/tasks", headers: { "sec-fetch-site": "cross-site", "sec-fetch-mode": mode } });
  expect((await get("navigate")).statusCode).toBe(200);
  expect((await get("no-cors")).statusCode).toBe(403);
});
