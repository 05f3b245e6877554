/** `tasker task cancel`: ends a task that is not final. */
import { type ClientOptions, clientOf } from "../../client-options.ts";
import { type ExitCode, exitCodes } from "../../exit-codes.ts";
import { path } from "../../http/server-client.ts";
import type { Shell } from "../../shell.ts";
import { oneLine } from "../../view/text.ts";

export interface CancelTaskOptions extends ClientOptions {
  readonly reason?: string;
}

export async function cancelTask(shell: Shell, id: string, options: CancelTaskOptions): Promise<ExitCode> {
  const text = JSON.stringify({ reason: options.reason });
  const body = { text, contentType: "application/json" };
  const answer = await clientOf(shell, options).send("POST", path("tasks", id, "cancel"), body);
  shell.out.write(options.json ? `${oneLine(answer.text)}\n` : `${id}  cancelled\n`);
  return exitCodes.ok;
}
