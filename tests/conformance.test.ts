/** `tasker conformance` as people run it, against a worker that is right, and the same one wrong in one thing. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { root, System } from "./system.ts";

const worker = [process.execPath, join(root, "conformance/wrong-workers/worker.ts")];

let system: System;
beforeEach(() => {
  system = new System();
});
afterEach(() => system.close());

it("passes a worker that is right: exit code 0, a line of JSON for each case, and JUnit", async () => {
  const names = ["drain/sigterm-while-idle", "payloads/unicode"];
  const cases = names.flatMap((name) => ["--case", name]);
  const junit = join(system.folder, "report.xml");
  const run = await system.tasker("conformance", ...cases, "--json", "--junit", junit, "--", ...worker);
  const lines = run.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines.filter(({ status }) => status === "failed")).toEqual([]);
  expect(run.code).toBe(0);
  expect(lines.map(({ name }) => name)).toEqual(expect.arrayContaining(names));
  expect(lines.at(-1)).toMatchObject({ protocol: "2.0", failed: 0, passed: lines.length - 1 });
  expect(readFileSync(junit, "utf8")).toContain('failures="0"');
}, 60_000);

it("fails one that leaves without a bye: exit code 1, and what was expected", async () => {
  const run = await system.tasker(
    "conformance",
    "--case",
    "drain/sigterm-while-idle",
    "--",
    ...worker,
    "leaves-without-bye",
  );
  expect(run.stdout).toContain("FAIL drain/sigterm-while-idle  (R-61, C-5");
  expect(run.stdout).toContain("expected  a bye");
  expect(run.code).toBe(1);
}, 60_000);

it("knows its cases", async () => {
  const run = await system.tasker("conformance", "--case", "drian", "--", ...worker);
  expect(run.stderr).toContain("no case of protocol 2.0 is drian");
  expect(run.code).toBe(2);
});
