/** The `tasker` command: reads its arguments, runs one command, answers with the exit code. */
import { readFileSync } from "node:fs";
import { type Command, CommanderError } from "commander";
import { CommandError, errorText } from "./command-error.ts";
import { type ExitCode, exitCodes } from "./exit-codes.ts";
import { buildProgram } from "./program.ts";
import { processShell, type Shell } from "./shell.ts";

/** @param args without the names of the program */
export async function main(args: readonly string[], shell: Shell = processShell()): Promise<number> {
  let code: ExitCode = exitCodes.ok;
  const program = buildProgram(shell, version(), (result) => {
    code = result;
  });
  for (const command of allCommands(program)) {
    command.exitOverride().configureOutput({
      writeOut: (text) => shell.out.write(text),
      writeErr: (text) => shell.err.write(text),
      getOutHelpWidth: () => shell.out.columns ?? 80,
      getErrHelpWidth: () => shell.err.columns ?? 80,
    });
  }
  try {
    await program.parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    return report(error, shell);
  }
}

function report(error: unknown, shell: Shell): number {
  if (error instanceof CommandError) {
    shell.err.write(errorText(error));
    return error.exitCode;
  }
  if (error instanceof CommanderError) {
    // Help and the version were asked for; of everything else the reader was told already.
    if (error.exitCode === 0) return exitCodes.ok;
    if (error.code !== "commander.help") shell.err.write("  next: add --help to see what it takes\n");
    return exitCodes.usage;
  }
  shell.err.write(`error: a bug in tasker: ${(error as Error).stack ?? error}\n`);
  return exitCodes.taskFailed;
}

function version(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

export function allCommands(program: Command): Command[] {
  return [program, ...program.commands.flatMap(allCommands)];
}
