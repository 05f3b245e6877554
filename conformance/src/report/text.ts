/** A report for people: a line for each case, and under a failed one what was expected, what came, and where. */
import { countOf, type Outcome, type Report } from "./report.ts";

const marks: Record<Outcome["status"], string> = { passed: "ok  ", failed: "FAIL", not_offered: "-   " };

export function outcomeText({ name, clauses, status, failure, tookMs }: Outcome): string {
  const seconds = tookMs === 0 ? "" : `, ${(tookMs / 1000).toFixed(1)} s`;
  const lines = [`${marks[status]} ${name}  (${clauses.join(", ")}${seconds})`];
  if (failure !== null && status === "not_offered") lines.push(`       not offered: ${failure.got}`);
  if (failure !== null && status === "failed") {
    if (failure.expected !== "") lines.push(`       expected  ${failure.expected}`);
    lines.push(`       got       ${failure.got}`);
    if (failure.frame !== null) lines.push(`       in        ${failure.frame}`);
    if (failure.during !== null) lines.push(`       during    ${failure.during}`);
    if (failure.said !== "")
      lines.push(
        "       the worker wrote:",
        ...failure.said
          .trimEnd()
          .split("\n")
          .slice(-15)
          .map((line) => `         ${line}`),
      );
  }
  return `${lines.map(visible).join("\n")}\n`;
}

export function summaryText(report: Report): string {
  const [passed, failed, missing] = (["passed", "failed", "not_offered"] as const).map((status) =>
    countOf(report, status),
  );
  const notOffered = missing === 0 ? "" : `, ${missing} not offered`;
  return `protocol ${report.protocol}: ${passed} passed, ${failed} failed${notOffered} in ${(report.tookMs / 1000).toFixed(0)} s\n`;
}

/** Frames hold whatever a worker sent: nothing of it may steer the terminal. */
function visible(text: string): string {
  return text.replace(/[^\P{Cc}\n]/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
