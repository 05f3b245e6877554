/** What clients were told is true: every acknowledged task is there once, with the context that was sent. */
import type { ClientLine } from "../logs.ts";
import type { Accounts, TaskAccount } from "./accounts.ts";
import type { Findings } from "./finding.ts";

export interface ClientTotals {
  readonly sent: number;
  readonly acknowledged: number;
  readonly refused: number;
  readonly unanswered: number;
}

export function checkClients(accounts: Accounts, lines: readonly ClientLine[], findings: Findings): ClientTotals {
  const byKey = Map.groupBy(accounts.tasks, ({ detail }) => detail.idempotencyKey);
  for (const [key, tasks] of byKey) {
    if (key === null) continue;
    findings.must(
      "task_doubled",
      tasks.length === 1,
      () => `${key}: ${tasks.map(({ detail }) => detail.id).join(", ")}`,
    );
  }
  for (const line of lines) {
    const task = byKey.get(line.key)?.[0];
    if (line.event === "acknowledged") checkAcknowledged(accounts, line, task, findings);
    if (line.event === "sent" && task !== undefined) {
      findings.must(
        "context_changed",
        task.detail.context === line.context,
        () => `${line.key}, task ${task.detail.id}`,
      );
    }
  }
  const count = (event: ClientLine["event"]) => lines.filter((line) => line.event === event).length;
  return {
    sent: count("sent"),
    acknowledged: count("acknowledged"),
    refused: count("refused"),
    unanswered: count("unanswered"),
  };
}

function checkAcknowledged(
  accounts: Accounts,
  { key, id }: ClientLine,
  task: TaskAccount | undefined,
  findings: Findings,
): void {
  if (!accounts.byId.has(id!)) findings.add("task_missing", `${key}, task ${id}`);
  else findings.must("acknowledged_differently", task?.detail.id === id, () => `${key}: ${id}, now ${task?.detail.id}`);
}
