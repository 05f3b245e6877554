/**
 * Holds the direction of imports between the parts of the house (ARCHITECTURE.md): each part may import only what its row
 * names. Tests may also import `testkit` and the store. Exits 1 and names each import that goes the wrong way.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** part -> what its source may import, beside itself. */
const allowed: Record<string, readonly string[]> = {
  "packages/json": [],
  "packages/threads": [],
  "packages/engine": [],
  "packages/protocol": ["@tasker/json"],
  "packages/store": ["@tasker/engine", "@tasker/json", "@tasker/threads"],
  "packages/executors": ["@tasker/engine", "@tasker/protocol"],
  "packages/templates": ["@tasker/engine", "@tasker/json"],
  "packages/http-api": ["@tasker/engine", "@tasker/json"],
  "packages/testkit": ["@tasker/engine"],
  "workers/typescript": ["@tasker/protocol", "@tasker/json", "@tasker/threads"],
  "examples/order-fulfillment/typescript": ["@tasker/worker"],
  "examples/wfformat-replay/typescript": ["@tasker/worker"],
  "apps/server": ["@tasker/*"],
  conformance: ["@tasker/protocol", "@tasker/json"],
  "apps/cli": ["@tasker/json", "@tasker/templates", "@tasker/server", "@tasker/engine", "@tasker/conformance"],
  bench: ["@tasker/*"],
  simulation: ["@tasker/*"],
  fuzz: ["@tasker/*"],
  chaos: ["@tasker/*"],
  tests: ["@tasker/*"],
};
const alsoInTests = ["@tasker/testkit", "@tasker/store", "@tasker/json"];

/** The engine decides; it has no driver, socket or clock, so nothing of Node's either. */
const pure = ["packages/engine", "packages/json"];

const importPattern = /^(?:import|export|\})(?:.*\sfrom)?\s*["']([^"']+)["']|import\(["']([^"']+)["']\)/g;

function partOf(file: string): string | undefined {
  return Object.keys(allowed)
    .filter((part) => file.startsWith(`${part}/`))
    .sort((a, b) => b.length - a.length)[0];
}

function problemsOf(file: string): string[] {
  const part = partOf(file);
  if (part === undefined) return [];
  const isTest = /\.test\.ts$|\/testdata\/|\/conformance\//.test(file);
  const may = [...allowed[part]!, ...(isTest ? alsoInTests : [])];
  const problems: string[] = [];
  const lines = readFileSync(file, "utf8").split("\n");
  for (const [index, line] of lines.entries()) {
    for (const [, direct, dynamic] of line.matchAll(importPattern)) {
      const target = direct ?? dynamic ?? "";
      const own = ownName(part);
      if (
        target.startsWith("@tasker/") &&
        !may.includes("@tasker/*") &&
        !may.some((name) => reaches(name, target)) &&
        !reaches(own, target)
      ) {
        problems.push(`${file}:${index + 1} imports ${target}; ${part} may import ${may.join(", ") || "nothing"}`);
      }
      if (!isTest && pure.includes(part) && !target.startsWith(".")) {
        problems.push(`${file}:${index + 1} imports ${target}; ${part} has no dependencies`);
      }
      if (target.startsWith("..") && leavesPart(file, target, part)) {
        problems.push(`${file}:${index + 1} reaches into another part by path: ${target}; import its package`);
      }
    }
  }
  return problems;
}

function ownName(part: string): string {
  try {
    return (JSON.parse(readFileSync(`${part}/package.json`, "utf8")) as { name: string }).name;
  } catch {
    return part;
  }
}

function reaches(name: string, target: string): boolean {
  return target === name || target.startsWith(`${name}/`);
}

function leavesPart(file: string, target: string, part: string): boolean {
  const path = new URL(target, `file:///${file}`).pathname.slice(1);
  return part !== "tests" && !path.startsWith(`${part}/`) && !path.startsWith("scripts/languages/");
}

const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.ts"], {
  encoding: "utf8",
});
const problems = files.split("\n").filter(Boolean).flatMap(problemsOf);
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
console.log("imports go the right way");
