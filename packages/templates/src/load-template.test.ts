import { readdirSync, readFileSync } from "node:fs";
import { compilePlan } from "@tasker/engine";
import { expect, test } from "vitest";
import { compileSchema, loadTemplate } from "./index.ts";

const testdata = new URL("../testdata/templates/", import.meta.url);
const sample = (name: string) => readFileSync(new URL(name, testdata), "utf8");
const stepsOf = (text: string, environment?: string) =>
  new Map(loadTemplate(text, environment === undefined ? {} : { environment }).steps.map((step) => [step.name, step]));

const defaults = {
  config: "{}",
  depends_on: [],
  retryable: true,
  retry: { limit: 3, backoff: "exponential", base_ms: 1000, max_ms: 30_000, jitter: 0.2 },
  timeout_ms: 300_000,
  queue_timeout_ms: null,
  on_lost: "retry",
  priority: 0,
  previous_results: "all",
  result_schema: null,
};

test("what a template leaves out has its default", () => {
  expect(loadTemplate("{ name: n, steps: [{ name: a, handler: H }] }")).toEqual({
    namespace: "default",
    name: "n",
    version: "1.0.0",
    description: "",
    input_schema: null,
    steps: [{ name: "a", handler: "H", ...defaults }],
  });
});

test("the defaults of the server take the place of the built-in ones", () => {
  const retry = { limit: 1, backoff: "fixed", base_ms: 5, max_ms: 50, jitter: 0 } as const;
  const text =
    "{ name: n, steps: [{ name: a, handler: H }, { name: b, handler: H, timeout: 1s, retry: { limit: 9 } }] }";
  const [a, b] = loadTemplate(text, { defaults: { timeoutMs: 7000, retry } }).steps;
  expect(a).toMatchObject({ timeout_ms: 7000, retry });
  expect(b).toMatchObject({ timeout_ms: 1000, retry: { ...retry, limit: 9 } });
});

test("every key of this release is read", () => {
  const template = loadTemplate(sample("order-fulfillment.yaml"));
  expect(template).toMatchObject({ namespace: "fulfillment", version: "1.2.0", description: "From cart to parcel" });
  expect(template.input_schema).toMatchObject({ required: ["order_id"] });
  const steps = stepsOf(sample("order-fulfillment.yaml"));
  expect(steps.get("validate_order")).toMatchObject({ config: '{"strict":true}', retryable: false });
  expect(steps.get("reserve_inventory")).toMatchObject({
    depends_on: ["validate_order"],
    retry: { limit: 5, backoff: "linear", base_ms: 2000, max_ms: 60_000, jitter: 0.2 },
    timeout_ms: 45_000,
  });
  expect(steps.get("process_payment")).toMatchObject({
    timeout_ms: 90_000,
    queue_timeout_ms: 300_000,
    on_lost: "hold",
    priority: 5,
    retry: { jitter: 0.5 },
    result_schema: { type: "object", required: ["transaction_id"] },
  });
  expect(steps.get("ship_order")).toMatchObject({ previous_results: "direct" });
});

test("a file of the Rails engine loads unchanged", () => {
  const template = loadTemplate(sample("rails-engine.yaml"));
  expect(template).toMatchObject({ namespace: "bakery", name: "bake_cake", version: "0.3.1" });
  const steps = stepsOf(sample("rails-engine.yaml"));
  expect([...steps.keys()]).toEqual(["weigh", "heat_oven", "mix", "bake"]);
  expect(steps.get("weigh")!.config).toBe(
    '{"type":"api","url":"https://kitchen.example.com/scales","params":{"unit":"gram","precision":0.10}}',
  );
  expect(steps.get("mix")).toMatchObject({ depends_on: ["weigh"], retryable: true, retry: { limit: 4 } });
  expect(steps.get("bake")).toMatchObject({ depends_on: ["mix", "heat_oven"], retryable: false });
});

test("an environment merges into the configuration and leaves the rest", () => {
  const steps = stepsOf(sample("rails-engine.yaml"), "development");
  expect(steps.get("weigh")!.config).toBe(
    '{"type":"api","url":"http://localhost:3000/scales","params":{"unit":"gram","precision":0.10,"debug":true}}',
  );
  expect(steps.get("mix")).toEqual(stepsOf(sample("rails-engine.yaml")).get("mix"));
});

test("an environment may name its overrides `step_overrides`, with a map of steps", () => {
  const steps = stepsOf(sample("rails-engine.yaml"), "test");
  expect(steps.get("weigh")!.config).toBe(
    '{"type":"api","url":"http://localhost:4000/scales","params":{"unit":"gram","precision":0.10}}',
  );
  expect(steps.get("mix")).toMatchObject({ depends_on: ["weigh"], retry: { limit: 1 } });
});

test("a file of Tasker's core loads unchanged", () => {
  const steps = stepsOf(sample("tasker-core.yaml"));
  expect(steps.get("create_account")).toMatchObject({
    handler: "Club::StepHandlers::CreateAccount",
    config: '{"plan":"basic","quota":9223372036854775807}',
    retry: { limit: 4, backoff: "exponential", base_ms: 2000, max_ms: 60_000 },
    timeout_ms: 45_000,
  });
  expect(steps.get("send_card")).toMatchObject({
    handler: "club.send_card",
    depends_on: ["create_account"],
    retryable: false,
    retry: { limit: 2, backoff: "none" },
    timeout_ms: 300_000,
  });
});

test("overrides of one step win over those of ALL steps, and empty ones change nothing", () => {
  const steps = stepsOf(sample("tasker-core.yaml"), "test");
  expect(steps.get("create_account")).toMatchObject({
    config: '{"plan":"test","quota":9223372036854775807}',
    timeout_ms: 1500,
    retry: { limit: 1, base_ms: 2000 },
  });
  expect(steps.get("send_card")).toMatchObject({ timeout_ms: 10_000, retry: { limit: 1, backoff: "none" } });
});

test("keys that are Ruby symbols are read, and merge keys merge", () => {
  const template = loadTemplate(sample("symbol-keys.yaml"));
  expect(template).toMatchObject({ namespace: "reports", name: "nightly_report" });
  expect(template.steps).toMatchObject([
    { name: "collect", handler: "Reports::Collect", config: '{"format":"csv","rows":100}' },
    { name: "send", handler: "Reports::Send", config: '{"rows":5,"format":"csv"}', depends_on: ["collect"] },
  ]);
});

test("an environment that the template does not have changes nothing", () => {
  const text = sample("order-fulfillment.yaml");
  expect(loadTemplate(text, { environment: "production" })).toEqual(loadTemplate(text));
  expect(loadTemplate(text, { environment: "test" })).not.toEqual(loadTemplate(text));
});

test("the map form of an environment overrides single fields, retries one by one", () => {
  const step = stepsOf(sample("order-fulfillment.yaml"), "test").get("process_payment");
  expect(step).toMatchObject({ timeout_ms: 5000, retry: { limit: 0, jitter: 0.5 }, on_lost: "hold" });
});

test("every sample is a plan that the engine can run", () => {
  for (const name of readdirSync(testdata)) {
    const template = loadTemplate(sample(name), { file: name });
    expect(compilePlan(1, template, compileSchema).roots.length).toBeGreaterThan(0);
  }
});

const canonical = `
  name: n
  namespace: ns
  version: 2.0.0
  input_schema: { type: object }
  steps:
    - name: a
      handler: H
      config: { id: 9007199254740993 }
    - name: b
      handler: I
      depends_on: [a]
      retryable: true
      retry: { limit: 2, backoff: fixed, base: 1500ms, max: 2s }
      timeout: 30s
      queue_timeout: 90s
`;

/** Each: what of `canonical` is written another way. */
const aliases: [string, [string, string][]][] = [
  ["namespace_name", [["namespace:", "namespace_name:"]]],
  ["module_namespace", [["namespace:", "module_namespace:"]]],
  ["both namespaces", [["namespace: ns", "module_namespace: Other\n  namespace_name: ns"]]],
  ["schema", [["input_schema:", "schema:"]]],
  ["step_templates", [["steps:", "step_templates:"]]],
  ["named_steps", [["steps:", "named_steps:"]]],
  ["named_steps beside steps", [["steps:", "named_steps: [a, b]\n  steps:"]]],
  [
    "a name with its namespace",
    [
      ["name: n\n", "name: ns/n\n"],
      ["namespace: ns", ""],
    ],
  ],
  ["handler_class", [["handler: H", "handler_class: H"]]],
  ["handler_config", [["config:", "handler_config:"]]],
  ["handler.callable", [["handler: I", "handler: { callable: I }"]]],
  [
    "handler.initialization",
    [
      [
        "handler: H\n      config: { id: 9007199254740993 }",
        "handler: { callable: H, initialization: { id: 9007199254740993 } }",
      ],
    ],
  ],
  ["depends_on_step", [["depends_on: [a]", "depends_on_step: a"]]],
  ["depends_on_steps", [["depends_on: [a]", "depends_on_steps: [a]"]]],
  ["depends_on_step beside an empty list", [["depends_on: [a]", "depends_on_step: a\n      depends_on_steps: []"]]],
  ["dependencies", [["depends_on: [a]", "dependencies: [a]"]]],
  ["depends_on with one name", [["depends_on: [a]", "depends_on: a"]]],
  ["default_retryable", [["retryable: true", "default_retryable: true"]]],
  [
    "retry.retryable",
    [
      ["retryable: true", ""],
      ["limit: 2", "limit: 2, retryable: true"],
    ],
  ],
  [
    "default_retry_limit",
    [
      ["limit: 2, ", ""],
      ["retryable:", "default_retry_limit: 2\n      retryable:"],
    ],
  ],
  [
    "retry_limit",
    [
      ["limit: 2, ", ""],
      ["retryable:", "retry_limit: 2\n      retryable:"],
    ],
  ],
  ["retry.max_attempts", [["limit: 2", "max_attempts: 3"]]],
  [
    "retry.backoff_base_ms and max_backoff_ms",
    [["base: 1500ms, max: 2s", "backoff_base_ms: 1500, max_backoff_ms: 2000"]],
  ],
  ["retry.base_ms and max_ms", [["base: 1500ms, max: 2s", "base_ms: 1500, max_ms: 2000"]]],
  ["timeout_ms", [["timeout: 30s", "timeout_ms: 30000"]]],
  ["timeout_seconds", [["timeout: 30s", "timeout_seconds: 30"]]],
  ["queue_timeout_ms", [["queue_timeout: 90s", "queue_timeout_ms: 90000"]]],
  ["queue_timeout_seconds", [["queue_timeout: 90s", "queue_timeout_seconds: 90"]]],
  [
    "other durations",
    [
      ["timeout: 30s", "timeout: 0m30s"],
      ["90s", "1m30s"],
      ["1500ms", "1.5s"],
    ],
  ],
  ["type: standard", [["handler: H", "handler: H\n      type: standard"]]],
  ["null for what is left out", [["handler: H", "handler: H\n      timeout:\n      retry: ~\n      on_lost: null"]]],
];

test.each(aliases)("%s says the same", (_name, replacements) => {
  const text = replacements.reduce((text, [from, to]) => {
    expect(text).toContain(from);
    return text.replace(from, to);
  }, canonical);
  expect(loadTemplate(text)).toEqual(loadTemplate(canonical));
});

test("JSON and YAML of the same document are the same template", () => {
  const json = `{"name":"n","namespace":"ns","version":"2.0.0","schema":{"type":"object"},"steps":[
    {"name":"a","handler":"H","config":{ "id" : 9007199254740993 }},
    {"name":"b","handler":"I","depends_on":["a"],"retryable":true,"timeout_ms":3e4,"queue_timeout":"90s",
     "retry":{"limit":2,"backoff":"fixed","base_ms":1500,"max_ms":2000}}]}`;
  expect(loadTemplate(json)).toEqual(loadTemplate(canonical));
  expect(loadTemplate(`\uFEFF${json}`)).toEqual(loadTemplate(canonical));
});

test("numbers of a configuration keep their digits, strings their characters", () => {
  const config =
    '{"int":123456789012345678901234567890,"neg":-9007199254740993,"f":1.50,"e":1E400,"s":"a\\u00e9\\ud800"}';
  const fromJson = loadTemplate(`{"name":"n","steps":[{"name":"a","handler":"H","config":${config}}]}`);
  expect(fromJson.steps[0]!.config).toBe(config);
  const yaml =
    "{ int: 123456789012345678901234567890, hex: 0xFFFFFFFFFFFFFFFF, oct: 0o17, plus: +7, zeros: 007, half: .5, e: 1e400, date: 2024-01-01, no: no }";
  const fromYaml = loadTemplate(`{ name: n, steps: [{ name: a, handler: H, config: ${yaml} }] }`);
  expect(fromYaml.steps[0]!.config).toBe(
    '{"int":123456789012345678901234567890,"hex":18446744073709551615,"oct":15,"plus":7,"zeros":7,"half":0.5,"e":1e400,"date":"2024-01-01","no":"no"}',
  );
});

test("__proto__ and its like are names as any other", () => {
  const names = ["__proto__", "constructor", "toString", "hasOwnProperty"];
  const steps = names.map((name, i) => ({ name, handler: name, depends_on: names.slice(0, i) }));
  const config = '{"__proto__":{"polluted":true}}';
  const text = JSON.stringify({ name: "constructor", namespace: "__proto__", steps }).replace(
    '"handler":"__proto__"',
    `"handler":"__proto__","config":${config},"result_schema":{"properties":{"__proto__":{"type":"string"}}}`,
  );
  const template = loadTemplate(text, { environment: "__proto__" });
  expect(template).toMatchObject({ name: "constructor", namespace: "__proto__" });
  expect(template.steps.map((step) => step.name)).toEqual(names);
  expect(template.steps[3]!.depends_on).toEqual(names.slice(0, 3));
  expect(template.steps[0]!.config).toBe(config);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});

test("ten thousand steps in a chain load", () => {
  const steps = Array.from({ length: 10_000 }, (_, i) => ({
    name: `s${i}`,
    handler: "H",
    depends_on: i ? [`s${i - 1}`] : [],
  }));
  expect(loadTemplate(JSON.stringify({ name: "n", steps })).steps).toHaveLength(10_000);
});
