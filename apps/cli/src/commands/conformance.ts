/** `tasker conformance -- COMMAND`: whether the worker that COMMAND starts does what the protocol says. */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import {
  chooseCases,
  countOf,
  junitXml,
  type Outcome,
  outcomeText,
  type Protocol,
  runConformance,
  summaryText,
} from "@tasker/conformance";
import { CommandError } from "../command-error.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import type { Shell } from "../shell.ts";

export interface ConformanceOptions {
  readonly protocol: Protocol;
  readonly case?: readonly string[];
  readonly all?: boolean;
  readonly json?: boolean;
  readonly junit?: string;
}

/** Ends with 1 when a case failed, or with `--all` was not offered. */
export async function runConformanceCommand(
  shell: Shell,
  command: readonly string[],
  options: ConformanceOptions,
): Promise<ExitCode> {
  const names = options.case ?? [];
  if (chooseCases(options.protocol, names).length === 0) {
    throw new CommandError(exitCodes.usage, `no case of protocol ${options.protocol} is ${names.join(" or ")}`, {
      hint: "Give a name or a topic as the report prints it, e.g. --case drain or --case session/silence-makes-a-new-one.",
    });
  }
  const interrupted = new AbortController();
  const release = shell.onSignal(() => interrupted.abort());
  const write = (outcome: Outcome) =>
    shell.out.write(options.json ? `${JSON.stringify(outcome)}\n` : outcomeText(outcome));
  try {
    const report = await runConformance({
      tasker: [process.execPath, fileURLToPath(new URL("../../bin/tasker.js", import.meta.url))],
      worker: command,
      protocol: options.protocol,
      names,
      signal: interrupted.signal,
      onOutcome: write,
    });
    if (interrupted.signal.aborted) return exitCodes.interrupted;
    const strict = options.all === true;
    if (options.junit !== undefined) writeFileSync(resolve(shell.cwd, options.junit), junitXml(report, strict));
    const [passed, failed, notOffered] = (["passed", "failed", "not_offered"] as const).map((status) =>
      countOf(report, status),
    );
    const summary = { protocol: report.protocol, command, passed, failed, not_offered: notOffered };
    shell.out.write(options.json ? `${JSON.stringify(summary)}\n` : summaryText(report));
    return failed! + (strict ? notOffered! : 0) > 0 ? exitCodes.taskFailed : exitCodes.ok;
  } finally {
    release();
  }
}
