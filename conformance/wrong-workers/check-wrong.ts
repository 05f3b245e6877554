/** Runs the kit against a wrong worker, and holds what it says against what it must say. */
import { fileURLToPath } from "node:url";
import { type Outcome, runConformance } from "../src/index.ts";
import type { Wrong } from "./wrong.ts";

export interface Verdict {
  readonly wrong: Wrong;
  /** In what the kit was mistaken; empty when it saw what is wrong, and nothing else. */
  readonly mistakes: readonly string[];
  readonly failed: readonly Outcome[];
}

const program = fileURLToPath(new URL("worker.ts", import.meta.url));

export async function checkWrong(wrong: Wrong, tasker: readonly string[], signal: AbortSignal): Promise<Verdict> {
  const { name, fails, passes = [], breaks } = wrong;
  const { outcomes } = await runConformance({
    tasker,
    worker: [process.execPath, program, name],
    protocol: "2.0",
    names: [...fails.filter((one) => !one.startsWith("always/")), ...passes],
    lanes: 2,
    signal,
    onOutcome: () => {},
  });
  const failed = outcomes.filter(({ status }) => status === "failed");
  const names = failed.map((outcome) => outcome.name);
  const mistakes = [
    ...fails.filter((one) => !names.includes(one)).map((one) => `${one} did not fail`),
    ...names.filter((one) => !fails.includes(one)).map((one) => `${one} failed`),
    ...(failed.some(({ clauses }) => clauses.includes(breaks)) ? [] : [`no failed case names ${breaks}`]),
  ];
  return { wrong, mistakes, failed };
}
