/** The flags of the commands that run a server, or look at its settings. */
import { ConfigError, type ConfigSources, readConfig } from "@tasker/server/config";
import { CommandError } from "./command-error.ts";
import type { Shell } from "./shell.ts";

export interface ServerOptions {
  readonly http?: string;
  readonly database?: string;
  readonly templates?: string;
  readonly steps?: string;
  readonly results?: string;
  readonly logLevel?: string;
  readonly config?: string;
  readonly json?: boolean;
}

/** @throws CommandError that names every place that is wrong */
export function configOf(shell: Shell, options: ServerOptions, defaults: ConfigSources["defaults"] = {}) {
  const flags = {
    http: options.http,
    database: options.database,
    templates: options.templates,
    log_level: options.logLevel,
    config: options.config,
    "step_execution.rust_step_publisher": options.steps,
    "step_execution.rust_result_subscriber": options.results,
  };
  try {
    return readConfig({ flags, env: shell.env, cwd: shell.cwd, defaults });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw configRefused(error);
  }
}

function configRefused({ problems, exitCode }: ConfigError): CommandError {
  const issues = problems.map(({ place, message, suggestion }) => ({
    path: "",
    file: place,
    message,
    ...(suggestion === undefined ? {} : { suggestion }),
  }));
  const hints = new Set(problems.map(({ hint }) => hint).filter((hint) => hint != null));
  const what = exitCode === 4 ? "the configuration is not allowed" : "the configuration is not valid";
  return new CommandError(exitCode, what, { issues, hint: [...hints].join(" ") || null });
}
