/**
 * One process per ipc endpoint. Binding would silently take the path over from a process that still uses it, so the
 * path is locked first, beside it in `PATH.lock`. The kernel holds the lock, through SQLite: it is gone when its
 * process is, however that ended, and two processes that start at once cannot both get it.
 */
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { unusable } from "./endpoints.ts";

export class EndpointLock {
  readonly #path: string;
  readonly #lock: DatabaseSync;

  /**
   * Makes the folder (mode 0700) if there is none, takes the lock, and removes the socket that a killed process left.
   * @param owner what a process that is refused reads about the one that holds the lock
   * @throws TaskerError `endpoint_unusable` when another process has it, or the folder cannot be written
   */
  constructor(path: string, owner: string) {
    this.#path = path;
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      this.#lock = new DatabaseSync(`${path}.lock`, { timeout: 0 });
    } catch (error) {
      throw unusable(
        `ipc://${path} cannot be used: ${(error as Error).message}`,
        "Choose a path in a folder that this user may write to.",
        error,
      );
    }
    try {
      this.#lock.exec("pragma journal_mode = memory; begin exclusive");
    } catch (error) {
      this.#lock.close();
      throw unusable(
        `ipc://${path} belongs to another process${whoHolds(path)}`,
        "Stop that process, or give this one other endpoints.",
        error,
      );
    }
    writeFileSync(ownerFile(path), owner, { mode: 0o600 });
    rmSync(path, { force: true });
  }

  /** Call it once the socket is bound: from then on only this user may connect. */
  restrictSocket(): void {
    chmodSync(this.#path, 0o600);
  }

  /** Call it after the socket was closed. The lock file stays: removing it could take the lock of a successor. */
  release(): void {
    rmSync(ownerFile(this.#path), { force: true });
    this.#lock.close();
  }
}

function ownerFile(path: string): string {
  return `${path}.owner`;
}

function whoHolds(path: string): string {
  try {
    return ` (${readFileSync(ownerFile(path), "utf8")})`;
  } catch {
    return "";
  }
}
