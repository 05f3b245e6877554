/** `tasker server`: the orchestrator, in the foreground. Its log goes to stderr. */
import type { ExitCode } from "../exit-codes.ts";
import { openServer, readyLine, serveUntilSignal } from "../run-server.ts";
import { configOf, type ServerOptions } from "../server-options.ts";
import type { Shell } from "../shell.ts";

export async function runServer(shell: Shell, options: ServerOptions): Promise<ExitCode> {
  const { config } = configOf(shell, options);
  const server = await openServer(config);
  const { http, steps, results } = server;
  shell.out.write(
    options.json
      ? readyLine(server)
      : `tasker is ready\n  http     ${http}\n  steps    ${steps}\n  results  ${results}\n`,
  );
  return serveUntilSignal(shell, server);
}
