import { TaskerError } from "@tasker/engine";
import { expect, test } from "vitest";
import { describeIssue, type LoadTemplateOptions, loadTemplate } from "./index.ts";

function refusal(text: string, options: LoadTemplateOptions = {}): TaskerError {
  try {
    loadTemplate(text, options);
  } catch (error) {
    if (error instanceof TaskerError) return error;
    throw error;
  }
  throw new Error("the template was accepted");
}

const issuesOf = (text: string, options?: LoadTemplateOptions) => refusal(text, options).issues.map(describeIssue);

/** A template whose second step has `lines` at column 5, from line 5 on. */
const withStep = (...lines: string[]) =>
  [
    "name: n",
    "steps:",
    "  - { name: first, handler: H }",
    "  - name: second",
    ...lines.map((line) => `    ${line}`),
  ].join("\n");

/** A template with `lines` from line 1 on. */
const withTop = (...lines: string[]) => [...lines, "steps: [{ name: a, handler: H }]"].join("\n");

const knownStepKeys =
  "known keys: name, description, handler, config, depends_on, retryable, retry, timeout, queue_timeout, on_lost, priority, previous_results, result_schema";

const refused: [what: string, text: string, issues: string[]][] = [
  ["an empty document", "", ["1:1: the document is empty; expected a map with `name` and `steps`"]],
  ["only a comment", "# nothing\n", ["1:1: the document is empty; expected a map with `name` and `steps`"]],
  ["a list", "- a\n", ["1:1: expected a map with `name` and `steps`, found a list"]],
  ["text", "hello", ['1:1: expected a map with `name` and `steps`, found "hello"']],
  ["two documents", "name: a\n---\nname: b\n", ["2:1: not valid YAML: a second document begins here"]],
  ["a tab as indentation", "steps:\n\t- name: a\n", ["2:1: not valid YAML: Tabs are not allowed as indentation"]],
  [
    "broken JSON",
    '{"name": "n",\n "steps": [}',
    expect.arrayContaining([expect.stringMatching(/^2:12: not valid YAML: /)]),
  ],
  ["a tag of its own", withTop("name: !ruby/object:Foo n"), ["1:7: not valid YAML: Unresolved tag: !ruby/object:Foo"]],
  ["a binary tag", withTop("name: !!binary aGk="), ["1:7: not valid YAML: Unresolved tag: tag:yaml.org,2002:binary"]],
  [
    "an alias without anchor",
    withTop("name: *x"),
    expect.arrayContaining(["1:7 name: the alias *x has no anchor &x before it"]),
  ],
  [
    "an alias to what contains it",
    withStep("handler: H", "config: &x { a: *x }"),
    ["6:21 steps[1].config.a: the alias *x has no anchor &x before it"],
  ],
  ["a key that is a map", withTop("name: n", "? { a: 1 }", ": 2"), ["2:3: a key must be text"]],
  [
    "infinity",
    withStep("handler: H", "config: { a: -.inf }"),
    ["6:18 steps[1].config.a: JSON has no number -.inf; write a finite number, or quote it to have text"],
  ],
  ["a key that is there twice", withTop("name: n", "name: m"), ['2:1 name: the key "name" is there twice']],
  [
    "the same in JSON",
    '{"name":"n","name":"m","steps":[{"name":"a","handler":"H"}]}',
    ['1:13 name: the key "name" is there twice'],
  ],
  ["nothing but a name", "name: n", ["1:1: the template has no `steps`"]],
  ["no name", withTop("version: 1.0.0"), ["1:1: the template has no `name`"]],
  ["an empty name", withTop('name: " "'), ["1:7 name: the name of the template is empty"]],
  [
    "a name with spaces",
    withTop("name: my order"),
    [
      '1:7 name: "my order" is not a name for a template: letters, digits, _ . : and -, not . : or - first (did you mean "my_order"?)',
    ],
  ],
  [
    "a namespace that begins with a dot",
    withTop("name: n", "namespace: .x"),
    [
      '2:12 namespace: ".x" is not a name for a namespace: letters, digits, _ . : and -, not . : or - first (did you mean "_x"?)',
    ],
  ],
  [
    "a name that is a number",
    withTop("name: 12"),
    ["1:7 name: expected text for the name of the template, found 12; put it in quotes"],
  ],
  [
    "a name that is a list",
    withTop("name: [a]"),
    ["1:7 name: expected text for the name of the template, found a list"],
  ],
  [
    "half a surrogate pair",
    withStep('handler: "\\ud800"'),
    ["5:14 steps[1].handler: the handler has a NUL character or half of a surrogate pair"],
  ],
  [
    "a version that is a number",
    withTop("name: n", "version: 1.10"),
    ['2:10 version: 1.10 is not a version; expected MAJOR.MINOR.PATCH such as 1.0.0 (did you mean "1.10.0"?)'],
  ],
  [
    "a version that is a word",
    withTop("name: n", "version: latest"),
    ['2:10 version: "latest" is not a version; expected MAJOR.MINOR.PATCH such as 1.0.0'],
  ],
  [
    "an unknown key",
    withTop("name: n", "descripton: x"),
    [
      '2:1 descripton: unknown key "descripton"; known keys: name, namespace, version, description, input_schema, steps, environments (did you mean "description"?)',
    ],
  ],
  [
    "an unknown key of a step",
    withStep("handler: H", "timout: 5s"),
    [`6:5 steps[1].timout: unknown key "timout"; ${knownStepKeys} (did you mean "timeout"?)`],
  ],
  [
    "an alias written wrong",
    withStep("handler_clas: H"),
    [
      "4:5 steps[1]: the step has no `handler`",
      `5:5 steps[1].handler_clas: unknown key "handler_clas"; ${knownStepKeys} (did you mean "handler_class"?)`,
    ],
  ],
  [
    "an unknown key of retry",
    withStep("handler: H", "retry: { limt: 1 }"),
    [
      '6:14 steps[1].retry.limt: unknown key "limt"; known keys: limit, backoff, base, max, jitter, retryable (did you mean "limit"?)',
    ],
  ],
  [
    "an unknown key of handler",
    withStep("handler: { class: H }"),
    [
      "4:5 steps[1]: the step has no `handler`",
      '5:16 steps[1].handler.class: unknown key "class"; known keys: callable, initialization',
    ],
  ],
  [
    "one thing said in two ways",
    withStep("handler: H", "timeout: 3s", "timeout_ms: 3000"),
    ["7:5 steps[1].timeout_ms: `timeout_ms` says the same as `timeout`; keep one of them"],
  ],
  [
    "two handlers",
    withStep("handler: { callable: H }", "handler_class: I"),
    expect.arrayContaining([
      "6:5 steps[1].handler_class: `handler_class` says the same as `handler`; keep one of them",
    ]),
  ],
  [
    "steps that are a map",
    "name: n\nsteps: { a: { handler: H } }",
    ["2:8 steps: expected a list of steps, found a map"],
  ],
  ["no steps", "name: n\nsteps: []", ["2:1 steps: a template needs at least one step"]],
  ["a step that is text", "name: n\nsteps: [a]", ['2:9 steps[0]: expected a map with `name` and `handler`, found "a"']],
  [
    "only the names of steps",
    "name: n\nnamed_steps: [a]",
    ['2:15 named_steps[0]: expected a map with `name` and `handler`, found "a"'],
  ],
  ["a step without name", "name: n\nsteps: [{ handler: H }]", ["2:9 steps[0]: the step has no `name`"]],
  [
    "a step's name with a slash",
    "name: n\nsteps: [{ name: a/b, handler: H }]",
    [
      '2:17 steps[0].name: "a/b" is not a name for a step: letters, digits, _ . : and -, not . : or - first (did you mean "a_b"?)',
    ],
  ],
  [
    "two steps of one name",
    withStep("handler: H").replace("second", "first"),
    ["4:11 steps[1].name: a step named first is already there"],
  ],
  [
    "a dependency that does not exist",
    withStep("handler: H", "depends_on: [frist]"),
    ['6:18 steps[1].depends_on[0]: no step is named "frist" (did you mean "first"?)'],
  ],
  [
    "a dependency on itself",
    withStep("handler: H", "depends_on: second"),
    ["6:17 steps[1].depends_on: the step second depends on itself"],
  ],
  [
    "a dependency that is there twice",
    withStep("handler: H", "depends_on: [first, first]"),
    ["6:25 steps[1].depends_on[1]: the step already depends on first"],
  ],
  [
    "a dependency that is a number",
    withStep("handler: H", "depends_on: [1]"),
    ["6:18 steps[1].depends_on[0]: expected text for the name of a step, found 1; put it in quotes"],
  ],
  [
    "a cycle",
    "name: n\nsteps:\n- {name: a, handler: H, depends_on: [c]}\n- {name: b, handler: H, depends_on: [a]}\n- {name: c, handler: H, depends_on: [b]}\n- {name: d, handler: H, depends_on: [c]}",
    ["4:38 steps[1].depends_on[0]: steps wait for each other: a -> c -> b -> a (each depends on the next)"],
  ],
  [
    "two cycles",
    "name: n\nsteps:\n- {name: a, handler: H, depends_on: [b]}\n- {name: b, handler: H, depends_on: [a]}\n- {name: c, handler: H, depends_on: [d]}\n- {name: d, handler: H, depends_on: [c]}",
    [
      "4:38 steps[1].depends_on[0]: steps wait for each other: a -> b -> a (each depends on the next)",
      "6:38 steps[3].depends_on[0]: steps wait for each other: c -> d -> c (each depends on the next)",
    ],
  ],
  [
    "a bare number as duration",
    withStep("handler: H", "timeout: 30"),
    ['6:14 steps[1].timeout: expected a duration such as 250ms, 30s, 5m or 1h30m, found 30 (did you mean "30s"?)'],
  ],
  [
    "a duration in words",
    withStep("handler: H", "timeout: 5 minutes"),
    ['6:14 steps[1].timeout: expected a duration such as 250ms, 30s, 5m or 1h30m, found "5 minutes"'],
  ],
  [
    "no time at all",
    withStep("handler: H", "timeout: 0s"),
    ['6:14 steps[1].timeout: expected a duration from 1ms to 365d, found "0s"'],
  ],
  [
    "text where milliseconds are counted",
    withStep("handler: H", "timeout_ms: 30s"),
    ['6:17 steps[1].timeout_ms: expected a number of milliseconds, found "30s"'],
  ],
  [
    "half a millisecond",
    withStep("handler: H", "timeout_ms: 0.5"),
    ["6:17 steps[1].timeout_ms: expected a number of milliseconds, found 0.5"],
  ],
  [
    "too many seconds",
    withStep("handler: H", "timeout_seconds: 1e300"),
    ["6:22 steps[1].timeout_seconds: expected a duration from 1ms to 365d, found 1e300"],
  ],
  [
    "a negative limit",
    withStep("handler: H", "retry: { limit: -1 }"),
    ["6:21 steps[1].retry.limit: expected an integer from 0 to 1000, found -1"],
  ],
  [
    "no attempt at all",
    withStep("handler: H", "retry: { max_attempts: 0 }"),
    ["6:28 steps[1].retry.max_attempts: expected an integer from 1 to 1001, found 0"],
  ],
  [
    "a limit that is text",
    withStep("handler: H", 'default_retry_limit: "3"'),
    ['6:26 steps[1].default_retry_limit: expected an integer from 0 to 1000, found "3"'],
  ],
  [
    "retry as a number",
    withStep("handler: H", "retry: 3"),
    ["6:12 steps[1].retry: expected a map such as { limit: 3, backoff: exponential }, found 3"],
  ],
  [
    "an unknown backoff",
    withStep("handler: H", "retry: { backoff: exponentail }"),
    [
      '6:23 steps[1].retry.backoff: expected none, fixed, linear, exponential; found "exponentail" (did you mean "exponential"?)',
    ],
  ],
  [
    "a delay that shrinks",
    withStep("handler: H", "retry: { base: 10s, max: 5s }"),
    ["6:25 steps[1].retry.max: the longest delay (`max`) is shorter than the first one (`base`)"],
  ],
  [
    "too much jitter",
    withStep("handler: H", "retry: { jitter: 20 }"),
    ["6:22 steps[1].retry.jitter: expected a number from 0 to 1, found 20"],
  ],
  [
    "a word for a boolean",
    withStep("handler: H", "retryable: yes"),
    ['6:16 steps[1].retryable: expected true or false, found "yes" (did you mean "true"?)'],
  ],
  [
    "an unknown on_lost",
    withStep("handler: H", "on_lost: holt"),
    ['6:14 steps[1].on_lost: expected retry, hold, fail; found "holt" (did you mean "hold"?)'],
  ],
  [
    "an unknown previous_results",
    withStep("handler: H", "previous_results: none"),
    ['6:23 steps[1].previous_results: expected all, direct; found "none"'],
  ],
  [
    "a priority out of range",
    withStep("handler: H", "priority: 101"),
    ["6:15 steps[1].priority: expected an integer from -100 to 100, found 101"],
  ],
  [
    "a configuration that is a list",
    withStep("handler: H", "config: [1]"),
    ["6:13 steps[1].config: expected a map for the configuration, found a list"],
  ],
  [
    "a handler's method",
    withStep("handler: { callable: H, method: refund }"),
    ["5:37 steps[1].handler.method: a handler has one entry point here; give each method a handler name of its own"],
  ],
  [
    "a schema that is text",
    withTop("name: n", "input_schema: object"),
    ['2:15 input_schema: expected a JSON Schema, found "object"'],
  ],
  [
    "a schema with an unknown type",
    withTop("name: n", "schema: { properties: { a: { type: strng } } }"),
    [expect.stringMatching(/^2:36 schema\.properties\.a\.type: not valid JSON Schema: must be one of .*"string"/)],
  ],
  [
    "a pattern that is none",
    withTop("name: n", "input_schema: { pattern: '(' }"),
    ["2:26 input_schema.pattern: not a regular expression: Invalid regular expression: /(/: Unterminated group"],
  ],
  [
    "a patternProperties key that is none",
    withTop("name: n", "input_schema: { patternProperties: { '(': true } }"),
    [
      '2:38 input_schema.patternProperties["("]: not a regular expression: Invalid regular expression: /(/: Unterminated group',
    ],
  ],
  [
    "a reference out of the schema",
    withTop("name: n", "input_schema: { $ref: https://example.com/x.json }"),
    [
      "2:23 input_schema.$ref: only references into the same schema (`#/$defs/...`) are followed; copy what this one refers to",
    ],
  ],
  [
    "a reference that leads nowhere",
    withTop("name: n", "input_schema: { $ref: '#/$defs/x' }"),
    ["2:15 input_schema: the schema cannot be compiled: can't resolve reference #/$defs/x from id #"],
  ],
  [
    "another draft",
    withTop("name: n", "input_schema: { $schema: 'http://json-schema.org/draft-04/schema#' }"),
    [
      "2:26 input_schema.$schema: expected https://json-schema.org/draft/2020-12/schema or http://json-schema.org/draft-07/schema#, or nothing for the former",
    ],
  ],
  [
    "an asynchronous schema",
    withStep("handler: H", "result_schema: { $async: true }"),
    ["6:30 steps[1].result_schema.$async: asynchronous schemas are not supported"],
  ],
  [
    "a const that a double cannot hold",
    withTop("name: n", "input_schema: { const: [9007199254740993] }"),
    ["2:25 input_schema.const[0]: a number beyond 2^53 cannot be compared exactly; use text here, or a range"],
  ],
  [
    "environments as a list",
    withTop("name: n", "environments: [test]"),
    ["2:15 environments: expected a map of environments such as { test: { steps: ... } }, found a list"],
  ],
  [
    "a typing error in an environment that is not asked for",
    withTop("name: n", "environments: { live: { steps: { a: { timeout: 5 } } } }"),
    [
      '2:48 environments.live.steps.a.timeout: expected a duration such as 250ms, 30s, 5m or 1h30m, found 5 (did you mean "5s"?)',
    ],
  ],
  [
    "an override of no step",
    withTop("name: n", "environments: { live: { steps: { aa: {} } } }"),
    ['2:34 environments.live.steps.aa: no step is named "aa" (did you mean "a"?)'],
  ],
  [
    "an override without name",
    withTop("name: n", "environments: { live: { steps: [{ timeout: 5s }] } }"),
    ["2:33 environments.live.steps[0]: an override in a list needs the `name` of a step"],
  ],
  [
    "an override that renames",
    withTop("name: n", "environments: { live: { steps: { a: { name: b } } } }"),
    ["2:39 environments.live.steps.a.name: an environment cannot rename a step"],
  ],
  [
    "an unknown key of an environment",
    withTop("name: n", "environments: { live: { step: {} } }"),
    [
      '2:25 environments.live.step: unknown key "step"; known keys: description, input_schema, steps (did you mean "steps"?)',
    ],
  ],
];

test.each(refused)("%s is refused with its place", (_what, text, issues) => {
  expect(issuesOf(text)).toEqual(issues);
});

const later: [key: string, value: string, what: string][] = [
  ["decision", "true", "decision steps"],
  ["map", "{ over: items }", "map steps"],
  ["wait", "{ for: 1h }", "steps that wait for a time or a signal"],
  ["task", "other/template", "steps that run another template"],
  ["when", "context.x", "conditions"],
  ["always", "true", "steps that always run"],
  ["batch_config", "{}", "map steps"],
];

test.each(later)("a step with `%s` is told to be of a later release, not to be unknown", (key, value, what) => {
  expect(issuesOf(withStep(`${key}: ${value}`))).toEqual([
    `5:5 steps[1].${key}: \`${key}\` (${what}) is not supported yet: a later release will read it`,
  ]);
});

test("types of steps that Tasker's core has are told to be of a later release", () => {
  expect(issuesOf(withStep("handler: H", "type: decision"))).toEqual([
    "6:11 steps[1].type: `type: decision` (decision steps) is not supported yet: a later release will read it",
  ]);
});

test("a timeout and a concurrency of the task are told to be of a later release", () => {
  expect(issuesOf(withTop("name: n", "timeout: 1h", "concurrency: { limit: 1 }"))).toEqual([
    "2:1 timeout: `timeout` (a timeout of the whole task) is not supported yet: a later release will read it",
    "3:1 concurrency: `concurrency` (limits of running tasks per key) is not supported yet: a later release will read it",
  ]);
});

test("an override that is applied is reported where it is written", () => {
  const text = withTop("name: n", "environments: { test: { steps: [{ name: a, retry: { limit: many } }] } }");
  expect(issuesOf(text, { environment: "test" })).toEqual([
    '2:60 environments.test.steps[0].retry.limit: expected an integer from 0 to 1000, found "many"',
  ]);
});

test("a cycle that only an environment makes is refused there", () => {
  const text = withStep("handler: H", "depends_on: first").concat(
    "\nenvironments: { test: { steps: { first: { depends_on: [second] } } } }",
  );
  expect(loadTemplate(text).steps).toHaveLength(2);
  expect(issuesOf(text, { environment: "test" })).toEqual([
    "6:17 steps[1].depends_on: steps wait for each other: first -> second -> first (each depends on the next)",
  ]);
});

test("a long cycle is shortened", () => {
  const steps = Array.from({ length: 5000 }, (_, i) => `{ name: s${i}, handler: H, depends_on: s${(i + 1) % 5000} }`);
  const [issue, ...others] = issuesOf(`{ name: n, steps: [${steps}] }`);
  expect(others).toEqual([]);
  expect(issue).toMatch(/: s0 -> s1 -> .* -> s9 -> \.\.\. -> s4999 -> s0 \(/);
});

test("everything that is wrong is told at once, in the order of the document, with file and next step", () => {
  const error = refusal("name: a b\nsteps:\n- { name: x, retryable: 1 }\n- { handler: H, on_lost: x }\n", {
    file: "t.yaml",
  });
  expect(error.code).toBe("template_invalid");
  expect(error.message).toBe("template t.yaml is not valid: 5 problems");
  expect(error.hint).toContain("tasker template validate");
  expect(error.issues.map(({ file, line, path }) => [file, line, path])).toEqual([
    ["t.yaml", 1, "name"],
    ["t.yaml", 3, "steps[0]"],
    ["t.yaml", 3, "steps[0].retryable"],
    ["t.yaml", 4, "steps[1]"],
    ["t.yaml", 4, "steps[1].on_lost"],
  ]);
  expect(error.issues[0]).toMatchObject({ column: 7, suggestion: "a_b" });
});

test("beyond a hundred problems the rest are counted", () => {
  const steps = Array.from({ length: 3000 }, (_, i) => `{ name: step${i}, handler: H, depends_on: [stepp${i}] }`);
  const error = refusal(`{ name: n, steps: [${steps}] }`);
  expect(error.issues).toHaveLength(100);
  expect(error.message).toBe("the template is not valid: 3000 problems, the first 100 listed");
});
