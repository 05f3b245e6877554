/** `tasker dev`: an orchestrator to develop with; templates are applied again when their files change. */
import { relative } from "node:path";
import type { RunningServer, ServerConfig } from "@tasker/server";
import { wantsColor } from "../client-options.ts";
import type { ExitCode } from "../exit-codes.ts";
import { openServer, readyLine, serveUntilSignal } from "../run-server.ts";
import { configOf, type ServerOptions } from "../server-options.ts";
import type { Shell } from "../shell.ts";
import { TemplateFolder } from "../template-folder.ts";
import { styled, visible } from "../view/text.ts";

export async function runDev(shell: Shell, options: ServerOptions): Promise<ExitCode> {
  // A person reads the terminal: only what needs attention.
  const { config } = configOf(shell, options, { log_level: "warn" });
  const server = await openServer({ ...config, templates: null });
  shell.out.write(options.json ? readyLine(server) : welcome(shell, config, server));
  const report = (line: string) => (options.json ? shell.err : shell.out).write(line);
  const folder = config.templates === null ? null : new TemplateFolder(config.templates, server, shell, report);
  try {
    await folder?.watch();
    return await serveUntilSignal(shell, server);
  } finally {
    folder?.close();
  }
}

function welcome(shell: Shell, config: ServerConfig, { http, steps, results }: RunningServer): string {
  const color = wantsColor(shell, shell.out);
  const near = (path: string) => {
    const short = relative(shell.cwd, path);
    return short.startsWith("..") ? path : short || ".";
  };
  const lines = [
    styled("Tasker is ready", "bold", color),
    `  HTTP       ${http}  (${http}/openapi.json)`,
    `  data       ${near(config.database)}`,
    ...(config.templates === null ? [] : [`  templates  ${near(config.templates)}, applied when they change`]),
    "",
    "Start a worker with",
    `  export TASKER_STEPS_ENDPOINT=${shellWord(steps)}`,
    `  export TASKER_RESULTS_ENDPOINT=${shellWord(results)}`,
    ...(http === "http://127.0.0.1:8480"
      ? []
      : ["and point the command line here with", `  export TASKER_URL=${http}`]),
    "",
    "Ctrl-C stops it; what it has accepted goes on when it is started again.",
    "",
  ];
  return `${lines.map(visibleStyled).join("\n")}\n`;
}

/** A word for a POSIX shell, quoted where it needs to be. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The first line has our own styles in it; the others may have anything of a path. */
function visibleStyled(line: string, index: number): string {
  return index === 0 ? line : visible(line);
}
