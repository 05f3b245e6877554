/** `tasker template import`: a workflow instance in WfFormat becomes a template, printed as YAML. */
import { importWfFormat } from "@tasker/templates";
import { type ExitCode, exitCodes } from "../../exit-codes.ts";
import { readText, shown } from "../../read-text.ts";
import type { Shell } from "../../shell.ts";
import { refusing } from "./read-template.ts";

export async function importTemplate(shell: Shell, file: string): Promise<ExitCode> {
  const text = await readText(shell, file);
  shell.out.write(refusing(() => importWfFormat(text, { file: shown(file) })));
  return exitCodes.ok;
}
