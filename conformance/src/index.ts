/** The conformance kit: whether a worker does what protocol/spec.md says, shown with a real orchestrator. */
export type { Protocol } from "./case.ts";
export { junitXml } from "./report/junit.ts";
export { countOf, type Outcome, type Report } from "./report/report.ts";
export { outcomeText, summaryText } from "./report/text.ts";
export { chooseCases, type RunOptions, runConformance } from "./run.ts";
