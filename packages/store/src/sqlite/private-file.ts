/** Files and folders that only their owner may read: tasks carry other people's data. */
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { TaskerError } from "@tasker/engine";

/** Makes the folder (0700) and the file (0600) unless they exist. @throws TaskerError `database_unusable` */
export function makePrivateFile(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    // Never opens a file that exists: closing it again would drop the locks that this process has on it.
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && !isFolderInTheWay(error)) return;
    throw new TaskerError("database_unusable", `cannot make ${path}: ${message}`, {
      hint: "Check that the path is right and that this user may write there, or name another file with --database.",
      cause: error,
    });
  }
}

/** `mkdir` found a file where a folder should be. */
function isFolderInTheWay(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).syscall === "mkdir";
}
