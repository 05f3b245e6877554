/** What every command that talks to a server takes: which server, and in which form it answers. */
import { defaultUrl, ServerClient } from "./http/server-client.ts";
import type { Output, Shell } from "./shell.ts";

export interface ClientOptions {
  readonly url?: string;
  readonly json?: boolean;
}

/** The server that `--url` names, else `TASKER_URL`, else the default. */
export function clientOf(shell: Shell, options: ClientOptions): ServerClient {
  if (options.url !== undefined) return new ServerClient(options.url, "--url");
  return new ServerClient(shell.env.TASKER_URL || defaultUrl, "TASKER_URL");
}

/** Colour only for a person's terminal, and not if they have said that they want none (no-color.org). */
export function wantsColor(shell: Shell, output: Output): boolean {
  return output.isTTY === true && !shell.env.NO_COLOR && shell.env.TERM !== "dumb";
}

/** How wide a table may be; what is no terminal gets everything. */
export function tableSize(shell: Shell): { columns: number; color: boolean } {
  const columns = shell.out.isTTY ? (shell.out.columns ?? 80) : Number.POSITIVE_INFINITY;
  return { columns, color: wantsColor(shell, shell.out) };
}
