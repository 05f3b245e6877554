/** What a run has shown: every case with its promise, what was observed, how long recovery took, and the auditor's totals. */

import { add, type CaseResult, noTotals, type Totals } from "./run-case.ts";
import type { Case } from "./scene.ts";

export interface CaseReport {
  readonly number: number;
  readonly fault: string;
  readonly promise: string;
  readonly runs: number;
  readonly skipped: string | null;
  readonly counts: Readonly<Record<string, number>>;
  readonly recovery: Recovery | null;
  /** Empty: the promise held in every run. */
  readonly broken: readonly string[];
}

export interface Recovery {
  readonly from: string;
  readonly p50Ms: number;
  readonly maxMs: number;
  readonly measured: number;
  /** What is promised on this machine; null: nothing but an end. */
  readonly boundMs: number | null;
}

export interface Report {
  readonly seconds: number;
  readonly seed: number;
  /** How long orchestrators without a fault took to start, in the same run. */
  readonly starts: { readonly p50Ms: number; readonly maxMs: number };
  readonly cases: readonly CaseReport[];
  readonly totals: Totals;
  readonly held: boolean;
}

/** On the machine that bounds are meant for, a start without a fault takes this long. */
const usualStartMs = 1_000;

/** Where it takes longer than this (p50), a machine is too busy to say anything about times: they are shown and not judged. */
const busyStartMs = 5_000;

export interface RunFacts {
  readonly seconds: number;
  readonly seed: number;
  readonly startsMs: readonly number[];
}

export function makeReport(cases: readonly Case[], results: readonly CaseResult[], facts: RunFacts): Report {
  const starts = { p50Ms: percentile(facts.startsMs, 0.5), maxMs: Math.max(...facts.startsMs) };
  // The slowest recovery is judged, so it is the slowest start that says how slow this machine was.
  const lateMs = Math.max(0, starts.maxMs - usualStartMs);
  const reports = cases.flatMap((chaosCase) => {
    const own = results.filter(({ number }) => number === chaosCase.number);
    return own.length === 0 ? [] : [reportCase(chaosCase, own, lateMs, starts.p50Ms <= busyStartMs)];
  });
  const totals = results.map((result) => result.totals).reduce(add, noTotals);
  const held = reports.every(({ broken, skipped }) => broken.length === 0 && skipped === null);
  return { seconds: facts.seconds, seed: facts.seed, starts, cases: reports, totals, held };
}

function reportCase(
  { recovery, withinMs }: Case,
  results: readonly CaseResult[],
  lateMs: number,
  isJudged: boolean,
): CaseReport {
  const { number, fault, promise, skipped } = results[0]!;
  const times = results.flatMap(({ recoveriesMs }) => recoveriesMs);
  const counts: Record<string, number> = {};
  for (const result of results) {
    for (const [what, count] of Object.entries(result.counts)) counts[what] = (counts[what] ?? 0) + count;
  }
  const boundMs = withinMs === undefined ? null : withinMs + lateMs;
  const broken = [...new Set(results.flatMap((result) => result.broken))];
  const maxMs = Math.max(...times);
  if (isJudged && boundMs !== null && maxMs > boundMs)
    broken.push(`${recovery}: ${seconds(maxMs)}, promised ${seconds(boundMs)}`);
  const measured = times.length;
  const measure =
    recovery === undefined || measured === 0
      ? null
      : { from: recovery, p50Ms: percentile(times, 0.5), maxMs, measured, boundMs };
  return { number, fault, promise, runs: results.length, skipped, counts, recovery: measure, broken };
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function seconds(ms: number): string {
  return ms < 100 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

// -------------------------------------------------------------------------------------------------------- as text

export function verdict({ broken, skipped }: Pick<CaseReport, "broken" | "skipped">): string {
  if (skipped !== null) return "SKIPPED";
  return broken.length === 0 ? "held" : "BROKEN";
}

function observed({ counts }: Pick<CaseReport, "counts">): string {
  return Object.entries(counts)
    .map(([what, count]) => `${count} ${what}`)
    .join(", ");
}

function recoveryText(recovery: Recovery | null): string {
  if (recovery === null) return "";
  const { p50Ms, maxMs, measured, boundMs } = recovery;
  const bound = boundMs === null ? "" : `, promised ${seconds(boundMs)}`;
  return `p50 ${seconds(p50Ms)}, max ${seconds(maxMs)} of ${measured}${bound}`;
}

/** For a terminal. */
export function asText(report: Report): string {
  const lines = report.cases.flatMap((entry) => {
    const { number, fault, promise, runs, recovery, broken, skipped } = entry;
    const seen = observed(entry);
    return [
      `${String(number).padStart(3)}  ${verdict(entry).padEnd(7)}  ${fault} (${runs} ${runs === 1 ? "run" : "runs"})`,
      `     promise   ${promise}`,
      ...(seen === "" ? [] : [`     observed  ${seen}`]),
      ...(recovery === null ? [] : [`     recovery  ${recovery.from}: ${recoveryText(recovery)}`]),
      ...(skipped === null ? [] : [`     skipped   ${skipped}`]),
      ...broken.map((text) => `     broken    ${text}`),
    ];
  });
  return [...lines, "", ...totalLines(report)].join("\n");
}

export function asMarkdown(report: Report): string {
  const cell = (text: string) => text.replaceAll("|", "\\|").replaceAll("\n", " ");
  const rows = report.cases.map((entry) => {
    const { number, fault, promise, runs, recovery } = entry;
    const from = recovery === null ? "" : `${recovery.from}: ${recoveryText(recovery)}`;
    return `| ${[number, fault, promise, verdict(entry), runs, observed(entry), from].map(String).map(cell).join(" | ")} |`;
  });
  return [
    "| # | fault | promise | | runs | observed | recovery |",
    "| ---: | --- | --- | --- | ---: | --- | --- |",
    ...rows,
    "",
    ...totalLines(report).map((line) => (line === "" ? line : `${line}  `)),
    "",
  ].join("\n");
}

function totalLines({ totals, starts, seconds: took, seed, held, cases }: Report): string[] {
  const broken = cases.reduce((sum, entry) => sum + entry.broken.length, 0);
  return [
    `The auditor: ${totals.tasks} tasks, ${totals.acknowledged} of them acknowledged; ${totals.steps} steps, ${totals.leases} attempts, ${totals.executions} executions.`,
    `Faults: ${totals.kills} kills, ${totals.lost} attempts with unknown outcome, ${totals.unanswered} requests without an answer, ${totals.refused} refused.`,
    `Results: ${totals.accepted} accepted, ${totals.duplicatesDiscarded} duplicates discarded, ${totals.lateApplied} late ones applied, ${totals.lateRecorded} stale ones recorded.`,
    `Ended: ${totals.completed} completed, ${totals.failed} failed, ${totals.cancelled} cancelled, ${totals.blocked} held for a person (${totals.inDoubt} steps in doubt).`,
    held ? "Nothing missing, nothing applied twice." : `${broken} findings: see the cases marked BROKEN or SKIPPED.`,
    "",
    `${took.toFixed(0)} s, seed ${seed}. A start without a fault took ${seconds(starts.p50Ms)} (p50), ${seconds(starts.maxMs)} at most; what is promised of recovery is for machines where it takes ${seconds(usualStartMs)}, and the difference to the slowest one is added here.`,
    ...(starts.p50Ms > busyStartMs ? ["This machine was too busy for times to be judged."] : []),
  ];
}
