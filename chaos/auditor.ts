/**
 * The auditor: compares what clients were told, what workers did, and what the database says, and finds every promise
 * that was broken. Works on a copy of the files alone, whoever left them behind; nothing may be writing to them any more:
 *
 *   node chaos/auditor.ts --database FILE [--client FILE]... [--worker FILE]...
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { parseArgs } from "node:util";
import { openStore } from "@tasker/store";
import { type Accounts, readAccounts } from "./audit/accounts.ts";
import { type ClientTotals, checkClients } from "./audit/check-clients.ts";
import { checkExecutions, ExecutionBook, type ExecutionTotals } from "./audit/check-executions.ts";
import { checkOutcome } from "./audit/check-outcomes.ts";
import { type Finding, Findings, findingMeanings } from "./audit/finding.ts";
import { type ReplayedTask, replay } from "./audit/replay.ts";
import { readLines } from "./json-lines.ts";
import type { ClientLine, ExecutionLine } from "./logs.ts";

export interface AuditFiles {
  readonly database: string;
  /** Lines as in `logs.ts`. */
  readonly clientLogs: readonly string[];
  readonly workerLogs: readonly string[];
  /** False: it was cut off in the middle, so nothing has to be finished. True by default. */
  readonly atRest?: boolean;
}

export interface AuditTotals extends ClientTotals, ExecutionTotals {
  readonly tasks: number;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Blocked: a step is in doubt, or something failed and the rest waits for a person. */
  readonly blocked: number;
  readonly steps: number;
  /** Leases given, those that were handed back included. */
  readonly leases: number;
  readonly accepted: number;
  /** Attempts whose outcome nobody knew at the time: their worker or batch was lost, or the time was over. */
  readonly lost: number;
  readonly lateApplied: number;
  readonly lateRecorded: number;
  readonly inDoubt: number;
}

export interface Audit {
  readonly findings: readonly Finding[];
  readonly totals: AuditTotals;
  readonly tasks: readonly ReplayedTask[];
}

/** @throws TaskerError `database_unusable` */
export async function audit(files: AuditFiles): Promise<Audit> {
  const folder = mkdtempSync(join(tmpdir(), "tasker-audit-"));
  try {
    return await auditCopy({ ...files, database: await copyOf(files.database, folder) });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Opened once as an orchestrator opens it, so that the tables have every turn that its log has. */
async function copyOf(database: string, folder: string): Promise<string> {
  const copy = join(folder, "tasker.db");
  for (const ending of ["", "-wal", "-turns-a", "-turns-b"]) {
    if (existsSync(database + ending)) copyFileSync(database + ending, copy + ending);
  }
  const store = await openStore({ database: copy });
  await store.close();
  return copy;
}

async function auditCopy({ database, clientLogs, workerLogs, atRest = true }: AuditFiles): Promise<Audit> {
  const findings = new Findings();
  checkFile(database, findings);
  const accounts = await readAccounts(database);
  const clients = checkClients(accounts, clientLogs.flatMap(readLines<ClientLine>), findings);
  checkSequence(accounts, findings);
  const book = new ExecutionBook(workerLogs.flatMap(readLines<ExecutionLine>));
  const leaseIds = new Set<string>();
  const tasks = accounts.tasks.map((task) => replay(task, leaseIds, findings));
  if (atRest) {
    for (const task of tasks) {
      checkOutcome(task, findings);
      checkExecutions(task, book, findings);
    }
    book.checkLeases(tasks, findings);
  }
  return { findings: findings.list, totals: { ...clients, ...book.totals, ...count(accounts, tasks) }, tasks };
}

function checkFile(database: string, findings: Findings): void {
  const connection = new DatabaseSync(database, { readOnly: true });
  try {
    const rows = connection.prepare("pragma integrity_check").all() as { integrity_check: string }[];
    for (const { integrity_check: text } of rows) findings.must("database_damaged", text === "ok", () => text);
  } finally {
    connection.close();
  }
}

function checkSequence({ events }: Accounts, findings: Findings): void {
  for (const [index, { seq }] of events.entries()) {
    if (seq === index + 1) continue;
    findings.add("history_gap", `event ${index + 1} has the number ${seq}`);
    return;
  }
}

function count(accounts: Accounts, tasks: readonly ReplayedTask[]) {
  const withStatus = (wanted: string) => tasks.filter(({ status }) => status === wanted).length;
  const steps = tasks.flatMap((task) => [...task.steps.values()]);
  const leases = steps.flatMap((step) => step.leases);
  const losses = ["worker_lost", "batch_lost", "timeout"];
  const isLate = ({ reason }: { reason: string | null }) => reason === "late_result";
  const late = accounts.events.filter(isLate);
  return {
    tasks: tasks.length,
    completed: withStatus("completed"),
    failed: withStatus("failed"),
    cancelled: withStatus("cancelled"),
    blocked: withStatus("blocked"),
    steps: steps.length,
    leases: leases.length,
    accepted: leases.filter(({ accepted }) => accepted !== null).length,
    lost: accounts.events.filter(({ from, reason }) => from === "in_progress" && losses.includes(reason ?? "")).length,
    lateApplied: late.filter(({ from, to }) => from !== to).length,
    lateRecorded: late.filter(({ from, to }) => from === to).length,
    inDoubt: steps.filter(({ state }) => state === "in_doubt").length,
  };
}

// ------------------------------------------------------------------------------------------------------- as a command

/** @returns the exit code */
async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      database: { type: "string" },
      client: { type: "string", multiple: true, default: [] },
      worker: { type: "string", multiple: true, default: [] },
    },
  });
  if (values.database === undefined) {
    console.error("usage: node chaos/auditor.ts --database FILE [--client FILE]... [--worker FILE]...");
    return 2;
  }
  const files = { database: values.database, clientLogs: values.client, workerLogs: values.worker };
  const { findings, totals } = await audit(files);
  for (const { name, detail } of findings) console.log(`${name}: ${detail} (${findingMeanings[name]})`);
  for (const [name, value] of Object.entries(totals)) console.log(`${name.padEnd(14)} ${value}`);
  console.log(findings.length === 0 ? "nothing missing, nothing applied twice" : `${findings.length} findings`);
  return findings.length === 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
