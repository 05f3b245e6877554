/**
 * What a language of workers has to tell the repository: how to set it up, how to check and test it, how to start one of
 * its programs. One file a language; `all.ts` lists them.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

export const root = join(import.meta.dirname, "../..");

/** True numbers of one suite, as its own runner counted them. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** What did not pass, a line each: a run ends with them, where nobody has to look for them. */
  readonly notPassed: readonly string[];
}

/** A suite whose runner ended badly has failed, also when no test of it did: it was not built, or its process died. */
export function judged(counts: Counts, endedWell: boolean): Counts {
  if (endedWell || counts.failed > 0) return counts;
  const text = "ended badly, and no test failed; what it printed is above";
  return { ...counts, failed: 1, notPassed: [...counts.notPassed, text] };
}

export const sum = (a: Counts, b: Counts): Counts => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
  notPassed: [...a.notPassed, ...b.notPassed],
});

/** How a program is started. */
export interface Command {
  readonly command: string;
  readonly args: readonly string[];
}

export interface Language {
  /** `python`; also the name of its folders. */
  readonly name: string;
  /** What this machine lacks of it, and what a person can do about that; undefined when it is all there. Quick. */
  missing(): string | undefined;
  /** Installs what can be installed here; called only when something is missing, and looked at with `missing()` afterwards. */
  setUp(): void;
  /** Types, lint, format. @returns whether all is well; what is wrong has been printed */
  check(): boolean;
  /** Runs its tests, printing what they print. */
  test(): Counts;
  /** @param program without its ending, from the root: `examples/order-fulfillment/python/worker`; builds it where that is needed */
  command(program: string): Command;
}

/** Runs a program to its end in a folder of the repository, printing what it prints. @returns whether it ended well */
export function run(
  folder: string,
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): boolean {
  const options = { cwd: join(root, folder), stdio: "inherit", env: { ...process.env, ...env } } as const;
  return spawnSync(command, args, options).status === 0;
}

/** @returns what the program said, or undefined when it is not there or ended badly */
export function ask(command: string, args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync(command, args, { encoding: "utf8", cwd: root });
  return status === 0 ? stdout.trim() : undefined;
}

/** Whether `apt-get install` can work here: Debian or a child of it, and root. */
export function hasApt(): boolean {
  return existsSync("/usr/bin/apt-get") && process.getuid?.() === 0;
}

let listsAreFresh = false;

/** Installs Debian's packages where that is possible, fetching the lists once if they are needed. */
export function aptInstall(...packages: string[]): void {
  if (!hasApt()) return;
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const flags = ["-qq", "-y", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"];
  console.log(`apt-get install ${packages.join(" ")}`);
  if (run(".", "apt-get", [...flags, "install", "--no-install-recommends", ...packages], env) || listsAreFresh) return;
  listsAreFresh = true;
  run(".", "apt-get", [...flags, "update"], env);
  run(".", "apt-get", [...flags, "install", "--no-install-recommends", ...packages], env);
}
