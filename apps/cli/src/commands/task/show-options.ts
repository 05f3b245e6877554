/** How a command shows progress: a picture for a person's terminal, lines for everything else. */
import { wantsColor } from "../../client-options.ts";
import type { WatchOptions } from "../../follow/watch-task.ts";
import type { Shell } from "../../shell.ts";

export interface ShowOptions {
  readonly plain?: boolean;
}

export function showOf(shell: Shell, options: ShowOptions): Pick<WatchOptions, "show" | "color"> {
  const color = wantsColor(shell, shell.out);
  // Without colour there is nothing to tell that the terminal may be driven at all.
  return { show: color && !options.plain ? "live" : "lines", color };
}
