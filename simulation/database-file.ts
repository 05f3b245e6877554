/** A database file for one run, on memory where the machine has it; a copy of an empty one, so that no run migrates. */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "@tasker/store";

let folder: string | null = null;
let files = 0;

export class DatabaseFile {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<DatabaseFile> {
    folder ??= await makeFolder();
    const path = join(folder, `run-${++files}.db`);
    copyFileSync(join(folder, "empty.db"), path);
    return new DatabaseFile(path);
  }

  remove(): void {
    for (const ending of ["", "-wal", "-shm", ".lock", "-turns-a", "-turns-b"])
      rmSync(`${this.path}${ending}`, { force: true });
  }
}

async function makeFolder(): Promise<string> {
  const memory = "/dev/shm";
  const made = mkdtempSync(join(existsSync(memory) ? memory : tmpdir(), "tasker-simulation-"));
  process.on("exit", () => rmSync(made, { recursive: true, force: true }));
  const store = await openStore({ database: join(made, "empty.db") });
  await store.close();
  return made;
}
