/** Everything is where it stays, and there for a reason: checked when the faults are over and nothing runs any more. */
import { isFinalTask } from "@tasker/engine";
import type { Findings } from "./finding.ts";
import type { ReplayedStep, ReplayedTask } from "./replay.ts";

export function checkOutcome({ task, status, steps }: ReplayedTask, findings: Findings): void {
  const { id } = task.detail;
  const states = [...steps.values()].map(({ state }) => state);
  findings.must("unfinished", isFinalTask(status) || status === "blocked", () => `task ${id} is ${status}`);
  for (const step of steps.values()) {
    findings.must("orphan_lease", step.state !== "in_progress", () => `${id}/${step.account.name}`);
    checkOutput(id, step, findings);
  }
  const some = (state: string) => states.some((found) => found === state);
  const follows = {
    completed: states.every((state) => state === "completed"),
    failed: some("failed") && !some("in_doubt") && !some("pending") && !some("ready"),
    blocked: some("in_doubt") || (some("failed") && some("pending")),
    cancelled: true,
    in_progress: true,
  }[status];
  findings.must("wrong_outcome", follows, () => `task ${id} is ${status}, its steps are ${states.join(", ")}`);
}

function checkOutput(id: string, { account, state }: ReplayedStep, findings: Findings): void {
  const hasOutput = account.row?.output != null;
  findings.must(
    "wrong_outcome",
    hasOutput === (state === "completed"),
    () => `${id}/${account.name} is ${state} with${hasOutput ? "" : "out"} an output`,
  );
}
