/** `tasker doctor`: is this machine fit for an orchestrator, and does one run? Each finding has a next step. */
import { type ClientOptions, clientOf, wantsColor } from "../client-options.ts";
import { CommandError } from "../command-error.ts";
import { machineChecks } from "../doctor/machine-checks.ts";
import { serverChecks } from "../doctor/server-checks.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { configOf, type ServerOptions } from "../server-options.ts";
import type { Shell } from "../shell.ts";
import { pad, type Style, styled, visible } from "../view/text.ts";

export interface Finding {
  readonly check: string;
  readonly status: "ok" | "warn" | "fail";
  readonly message: string;
  /** What to do; null when all is well. */
  readonly next: string | null;
}

const styles: Record<Finding["status"], Style> = { ok: "green", warn: "yellow", fail: "red" };

/** With `--json` a line for each finding. Ends with 1 when one of them is `fail`. */
export async function runDoctor(shell: Shell, options: ClientOptions & ServerOptions): Promise<ExitCode> {
  const color = wantsColor(shell, shell.out);
  let failed = false;
  for await (const finding of findings(shell, options)) {
    failed ||= finding.status === "fail";
    shell.out.write(options.json ? `${JSON.stringify(finding)}\n` : findingText(finding, color));
  }
  return failed ? exitCodes.taskFailed : exitCodes.ok;
}

async function* findings(shell: Shell, options: ClientOptions & ServerOptions): AsyncGenerator<Finding> {
  try {
    const { config } = configOf(shell, options);
    yield { check: "configuration", status: "ok", message: "every key is valid", next: null };
    for (const warning of config.warnings)
      yield { check: "configuration", status: "warn", message: warning, next: null };
    yield* machineChecks(config);
    yield* serverChecks(clientOf(shell, options), config, options.url !== undefined || !!shell.env.TASKER_URL);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const places = error.issues.map(({ file, message }) => `${file}: ${message}`);
    const message = places.length === 0 ? error.message : places.join("; ");
    yield { check: "configuration", status: "fail", message, next: error.hint };
  }
}

function findingText({ check, status, message, next }: Finding, color: boolean): string {
  const step = next === null ? "" : `\n      next: ${visible(next)}`;
  return `${styled(pad(status, 4), styles[status], color)}  ${pad(check, 16)}${visible(message)}${step}\n`;
}
