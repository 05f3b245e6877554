/** `tasker config print`: every setting with its value and where that comes from. The text is a file that can be loaded. */
import type { Setting } from "@tasker/server/config";
import { wantsColor } from "../../client-options.ts";
import { type ExitCode, exitCodes } from "../../exit-codes.ts";
import { configOf, type ServerOptions } from "../../server-options.ts";
import type { Shell } from "../../shell.ts";
import { pad, styled, visible } from "../../view/text.ts";

/** With `--json` one object: key -> `{"value", "source"}`. */
export async function printConfig(shell: Shell, options: ServerOptions): Promise<ExitCode> {
  const { config, settings } = configOf(shell, options);
  if (options.json) {
    const entries = settings.map(({ key, value, source }) => [key, { value, source }]);
    shell.out.write(`${JSON.stringify(Object.fromEntries(entries))}\n`);
  } else shell.out.write(configText(settings, wantsColor(shell, shell.out)));
  for (const warning of config.warnings) shell.err.write(`warning: ${visible(warning)}\n`);
  return exitCodes.ok;
}

/** YAML, a section for each prefix; the sources are comments. */
export function configText(settings: readonly Setting[], color: boolean): string {
  const rows = settings.map(({ key, value, source }) => {
    const [section, name] = key.includes(".") ? key.split(".") : [null, key];
    return { section, entry: `${section === null ? "" : "  "}${name}: ${yamlScalar(value)}`, source };
  });
  const width = Math.min(60, Math.max(...rows.map(({ entry }) => entry.length)));
  const lines: string[] = [];
  let open: string | null | undefined = null;
  for (const { section, entry, source } of rows) {
    if (section !== open && section != null) lines.push(`${section}:`);
    open = section;
    lines.push(`${pad(entry, width)}  ${styled(`# ${visible(source)}`, source === "default" ? "dim" : "cyan", color)}`);
  }
  return `${lines.join("\n")}\n`;
}

function yamlScalar(value: Setting["value"]): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
