/** `tasker template apply`: template versions into a running server. All files are checked before the first is sent. */
import { type ClientOptions, clientOf } from "../../client-options.ts";
import { type ExitCode, exitCodes } from "../../exit-codes.ts";
import { path } from "../../http/server-client.ts";
import type { Shell } from "../../shell.ts";
import { templateName } from "../../task-json.ts";
import { counted, oneLine, visible } from "../../view/text.ts";
import { type ReadTemplate, readTemplate } from "./read-template.ts";

export async function applyTemplates(
  shell: Shell,
  files: readonly string[],
  options: ClientOptions,
): Promise<ExitCode> {
  const client = clientOf(shell, options);
  const templates: ReadTemplate[] = [];
  for (const file of files) templates.push(await readTemplate(shell, file));
  for (const { text, template } of templates) {
    const { namespace, name, version } = template;
    const contentType = /^\s*\{/.test(text) ? "application/json" : "application/yaml";
    const answer = await client.send("PUT", path("templates", namespace, name, version), { text, contentType });
    const what = answer.status === 201 ? "applied" : "unchanged";
    const steps = counted(template.steps.length, "step");
    shell.out.write(
      options.json ? `${oneLine(answer.text)}\n` : `${what}  ${visible(templateName(template))}  ${steps}\n`,
    );
  }
  return exitCodes.ok;
}
