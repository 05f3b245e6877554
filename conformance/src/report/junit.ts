/** A report as JUnit XML, as continuous integration servers read it. */
import { countOf, type Outcome, type Report } from "./report.ts";

/** @param strict a case that is not offered counts as a failure */
export function junitXml(report: Report, strict: boolean): string {
  const missing = countOf(report, "not_offered");
  const failed = countOf(report, "failed") + (strict ? missing : 0);
  const counts = `tests="${report.outcomes.length}" failures="${failed}" skipped="${strict ? 0 : missing}"`;
  const head = `<testsuite name="tasker conformance ${report.protocol}" ${counts} time="${seconds(report.tookMs)}">`;
  const body = report.outcomes.map((outcome) => testCase(outcome, strict)).join("");
  return `<?xml version="1.0" encoding="UTF-8"?>\n${head}\n${body}</testsuite>\n`;
}

function testCase({ name, clauses, status, failure, tookMs }: Outcome, strict: boolean): string {
  const [topic, what] = name.split("/");
  const attributes = `classname="${escaped(topic!)}" name="${escaped(`${what} (${clauses.join(", ")})`)}" time="${seconds(tookMs)}"`;
  if (failure === null) return `  <testcase ${attributes}/>\n`;
  if (status === "not_offered" && !strict) {
    return `  <testcase ${attributes}><skipped message="${escaped(failure.got)}"/></testcase>\n`;
  }
  const text = [
    `expected ${failure.expected}`,
    `got ${failure.got}`,
    ...(failure.frame === null ? [] : [`in ${failure.frame}`]),
    ...(failure.during === null ? [] : [`during ${failure.during}`]),
    failure.said,
  ].join("\n");
  return `  <testcase ${attributes}><failure message="${escaped(`expected ${failure.expected}`)}">${escaped(text)}</failure></testcase>\n`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

/** Characters that XML has no form for become U+FFFD. */
function escaped(text: string): string {
  const legal = text.toWellFormed().replace(/[^\P{Cc}\t\n\r]|[\ufffe\uffff]/gu, "\ufffd");
  return legal.replace(/[<>&"]/g, (char) => ({ "<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&quot;" })[char]!);
}
