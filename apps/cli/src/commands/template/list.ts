/** `tasker template list`: every version of every template. */
import { type ClientOptions, clientOf, tableSize } from "../../client-options.ts";
import { type ExitCode, exitCodes } from "../../exit-codes.ts";
import { path } from "../../http/server-client.ts";
import type { Shell } from "../../shell.ts";
import type { Page } from "../../task-json.ts";
import { table } from "../../view/text.ts";

export interface TemplateItem {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly step_count?: number;
}

export async function listTemplates(shell: Shell, options: ClientOptions): Promise<ExitCode> {
  const { text } = await clientOf(shell, options).get(path("templates"));
  if (options.json) {
    shell.out.write(`${text}\n`);
    return exitCodes.ok;
  }
  const { items } = JSON.parse(text) as Page<TemplateItem>;
  if (items.length === 0) shell.err.write("no templates; apply one with `tasker template apply FILE`\n");
  else {
    const rows = items.map(({ namespace, name, version, step_count, description }) => [
      `${namespace}/${name}`,
      version,
      String(step_count ?? "-"),
      description,
    ]);
    const head = ["TEMPLATE", "VERSION", "STEPS", "DESCRIPTION"];
    shell.out.write(`${table(head, rows, tableSize(shell)).join("\n")}\n`);
  }
  return exitCodes.ok;
}
