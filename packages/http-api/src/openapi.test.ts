import { expect, test } from "vitest";
import { type ProblemCode, problemTypes } from "./problem.ts";
import { order, startApi } from "./testdata/start-api.ts";

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required?: boolean }[];
  readonly requestBody?: { readonly content: Record<string, unknown> };
  readonly responses: Record<string, { readonly description: string; readonly content?: Record<string, unknown> }>;
}

async function document() {
  const { get } = await startApi();
  const answer = await get("/openapi.json");
  return answer.json() as {
    readonly openapi: string;
    readonly info: { readonly version: string };
    readonly paths: Record<string, Record<string, Operation>>;
    readonly components: { readonly schemas: Record<string, object> };
  };
}

async function operations(): Promise<[string, Operation][]> {
  const { paths } = await document();
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, Operation] => [`${method} ${path}`, operation]),
  );
}

test("lists every route of the contract and nothing else", async () => {
  const { openapi, info } = await document();
  expect([openapi, info.version]).toEqual(["3.1.0", "1.2.3"]);
  expect((await operations()).map(([name]) => name).sort()).toEqual(
    [
      "post /v1/tasks",
      "post /v1/tasks/bulk",
      "get /v1/tasks",
      "get /v1/tasks/{id}",
      "post /v1/tasks/{id}/cancel",
      "get /v1/tasks/{id}/events",
      "get /v1/tasks/{id}/stream",
      "get /v1/stream",
      "get /v1/templates",
      "get /v1/templates/{namespace}/{name}",
      "get /v1/templates/{namespace}/{name}/{version}",
      "put /v1/templates/{namespace}/{name}/{version}",
      "get /v1/workers",
      "get /livez",
      "get /readyz",
      "get /metrics",
      "get /openapi.json",
    ].sort(),
  );
});

test("every operation has an id of its own, answers with schemas, and the problems that it may answer with", async () => {
  const all = await operations();
  expect(new Set(all.map(([, { operationId }]) => operationId)).size).toBe(all.length);
  for (const [name, { summary, responses }] of all) {
    expect(summary, name).toBeTruthy();
    expect(
      Object.keys(responses).some((status) => status.startsWith("2")),
      name,
    ).toBe(true);
    expect(Object.keys(responses), name).toEqual(expect.arrayContaining(["403", "500"]));
    for (const [status, { description, content }] of Object.entries(responses)) {
      expect(content, `${name} ${status}`).toBeDefined();
      if (status < "400") continue;
      expect(content).toEqual({ "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } });
      const codes = [...description.matchAll(/`(\w+)`:/g)].map(([, code]) => code as ProblemCode);
      expect(codes.map((code) => problemTypes[code].status)).toEqual(codes.map(() => Number(status)));
    }
  }
});

test("every path parameter is declared, every reference leads somewhere", async () => {
  for (const [name, { parameters = [] }] of await operations()) {
    const declared = parameters
      .filter((parameter) => parameter.in === "path" && parameter.required)
      .map((one) => one.name);
    expect(declared, name).toEqual([...name.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter));
  }
  const whole = await document();
  for (const [, schema] of JSON.stringify(whole).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)) {
    expect(whole.components.schemas).toHaveProperty(schema!);
  }
  expect(JSON.stringify(whole)).not.toMatch(/"\$ref":"(?!#\/components)/);
});

test("an answer has exactly the members that the document gives a task", async () => {
  const { components } = await document();
  const { post } = await startApi();
  const task = (await post("/v1/tasks", JSON.stringify(order()))).json();
  const members = (name: string) => Object.keys((components.schemas[name] as { properties: object }).properties);
  expect(Object.keys(task)).toEqual(members("Task"));
  expect(Object.keys(task.steps[0])).toEqual(members("Step"));
  const [item] = (await post("/v1/tasks/bulk", JSON.stringify({ tasks: [order()] }))).json().items;
  expect([...Object.keys(item), "progress"]).toEqual(members("TaskItem"));
});
