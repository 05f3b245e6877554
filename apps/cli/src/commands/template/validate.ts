/** `tasker template validate`: checks files, without a server. Every file is looked at, also after one that is wrong. */
import { CommandError, errorText } from "../../command-error.ts";
import { type ExitCode, exitCodes } from "../../exit-codes.ts";
import { shown } from "../../read-text.ts";
import type { Shell } from "../../shell.ts";
import { templateName } from "../../task-json.ts";
import { counted, visible } from "../../view/text.ts";
import { readTemplate } from "./read-template.ts";

export interface ValidateOptions {
  readonly json?: boolean;
}

/** With `--json` a line for each file: `{"file", "valid", "template", "steps", "issues"}`. */
export async function validateTemplates(
  shell: Shell,
  files: readonly string[],
  options: ValidateOptions,
): Promise<ExitCode> {
  let code: ExitCode = exitCodes.ok;
  for (const file of files) {
    try {
      const { template } = await readTemplate(shell, file);
      const found = { file: shown(file), valid: true, template: templateName(template), steps: template.steps.length };
      shell.out.write(
        options.json
          ? `${JSON.stringify({ ...found, issues: [] })}\n`
          : `valid  ${visible(`${found.file}  ${found.template}`)}  ${counted(found.steps, "step")}\n`,
      );
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      code = exitCodes.usage;
      if (options.json) {
        const issues = error.issues.length > 0 ? error.issues : [{ path: "", message: error.message }];
        shell.out.write(`${JSON.stringify({ file: shown(file), valid: false, issues })}\n`);
      } else shell.err.write(errorText(error));
    }
  }
  return code;
}
