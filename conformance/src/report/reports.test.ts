import { expect, test } from "vitest";
import { junitXml } from "./junit.ts";
import type { Outcome, Report } from "./report.ts";
import { outcomeText, summaryText } from "./text.ts";

const passed: Outcome = { name: "drain/idle", clauses: ["R-61"], status: "passed", failure: null, tookMs: 1_250 };
const failed: Outcome = {
  name: "payloads/unicode",
  clauses: ["R-66", "R-67"],
  status: "failed",
  failure: {
    expected: '{"a":"<&>"}',
    got: "nothing\u001b[2J",
    frame: '#7 from the worker: results {"a":"\u0000\ufffe"}',
    during: null,
    said: "line 1\nline 2\n",
  },
  tookMs: 10,
};
const missing: Outcome = {
  name: "msgpack/work",
  clauses: ["R-86"],
  status: "not_offered",
  failure: { expected: "", got: "the worker does not speak msgpack", frame: null, during: null, said: "" },
  tookMs: 0,
};
const report: Report = { protocol: "2.0", command: ["worker"], outcomes: [passed, failed, missing], tookMs: 3_000 };

test("a failure says what was expected, what came, in which frame, and what the worker wrote", () => {
  const text = outcomeText(failed);
  expect(text).toContain("FAIL payloads/unicode  (R-66, R-67");
  expect(text).toContain('expected  {"a":"<&>"}');
  expect(text).toContain("in        #7 from the worker");
  expect(text).toContain("         line 2");
});

test("nothing that a worker sent steers the terminal", () => {
  expect(outcomeText(failed)).not.toMatch(/[^\P{Cc}\n]/u);
});

test("the summary counts", () => {
  expect(summaryText(report)).toBe("protocol 2.0: 1 passed, 1 failed, 1 not offered in 3 s\n");
});

test("JUnit counts failures, and escapes what XML cannot hold", () => {
  const xml = junitXml(report, false);
  expect(xml).toContain('tests="3" failures="1" skipped="1"');
  expect(xml).toContain("{&quot;a&quot;:&quot;&lt;&amp;&gt;&quot;}");
  expect(xml).not.toMatch(/[^\P{Cc}\t\n\r]|[\ufffe\uffff]/u);
});

test("in JUnit, what is not offered is a failure where everything was asked for", () => {
  expect(junitXml(report, true)).toContain('tests="3" failures="2" skipped="0"');
});
