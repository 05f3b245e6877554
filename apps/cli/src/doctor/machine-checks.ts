/** What an orchestrator needs of the machine: Node, a folder it may write to, space, descriptors, short socket paths. */
import { accessSync, constants, existsSync, readFileSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import type { ServerConfig } from "@tasker/server/config";
import type { Finding } from "../commands/doctor.ts";

const neededNodeMajor = 24;
const mib = 1024 * 1024;
const failSpaceBytes = 100 * mib;
const warnSpaceBytes = 1024 * mib;
const enoughDescriptors = 1_024;
const maxSocketPathBytes = 107;

export function* machineChecks(config: ServerConfig): Generator<Finding> {
  yield nodeVersion(process.versions.node);
  const folder = existingParent(dirname(config.database));
  yield dataFolder(config.database, folder);
  yield diskSpace(folder);
  yield socketPaths(config.stepExecution);
  yield descriptors();
  yield clock(Date.now());
}

export function nodeVersion(version: string): Finding {
  const check = "node";
  if (Number(version.split(".")[0]) >= neededNodeMajor) return ok(check, `version ${version}`);
  return fail(check, `version ${version}; ${neededNodeMajor} is needed`, "Run `npm install`: it brings its own Node.");
}

function dataFolder(database: string, folder: string): Finding {
  const check = "data folder";
  try {
    accessSync(folder, constants.W_OK);
    if (existsSync(database)) accessSync(database, constants.W_OK);
    return ok(check, `${dirname(database)} ${existsSync(dirname(database)) ? "can be written" : "can be made"}`);
  } catch {
    return fail(check, `${folder} or the database in it cannot be written`, "Choose another with --database FILE.");
  }
}

function diskSpace(folder: string): Finding {
  const { bavail, bsize } = statfsSync(folder);
  return judgeSpace(bavail * bsize);
}

export function judgeSpace(bytes: number): Finding {
  const check = "disk space";
  const message = `${Math.floor(bytes / mib)} MiB free for the database`;
  if (bytes < failSpaceBytes) return fail(check, message, "Free some space: with a full disk nothing is accepted.");
  return bytes < warnSpaceBytes ? warn(check, message, "Free some space soon.") : ok(check, message);
}

function socketPaths({ steps, results }: ServerConfig["stepExecution"]): Finding {
  const lengths = [steps, results]
    .filter((endpoint) => endpoint.startsWith("ipc://"))
    .map((endpoint) => Buffer.byteLength(endpoint.slice("ipc://".length)));
  if (lengths.length === 0) return ok("socket paths", "no ipc endpoints");
  // Longer ones are refused with the configuration.
  return ok("socket paths", `${Math.max(...lengths)} of ${maxSocketPathBytes} bytes`);
}

function descriptors(): Finding {
  const check = "descriptors";
  try {
    const limits = readFileSync("/proc/self/limits", "utf8");
    const soft = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1] ?? "unlimited";
    if (soft === "unlimited" || Number(soft) >= enoughDescriptors) return ok(check, `${soft} files may be open`);
    return warn(
      check,
      `only ${soft} files may be open`,
      `Raise it (ulimit -n ${enoughDescriptors}): each worker and each client needs one.`,
    );
  } catch {
    return ok(check, "the system does not say how many files may be open");
  }
}

/** A clock that was never set; ids and the history carry its time. */
export function clock(now: number): Finding {
  const date = new Date(now).toISOString();
  if (now > Date.UTC(2025, 0, 1)) return ok("clock", date);
  return fail("clock", `it is said to be ${date}`, "Set the clock: task ids and the history carry its time.");
}

function existingParent(folder: string): string {
  return existsSync(folder) || dirname(folder) === folder ? folder : existingParent(dirname(folder));
}

function ok(check: string, message: string): Finding {
  return { check, status: "ok", message, next: null };
}

function warn(check: string, message: string, next: string): Finding {
  return { check, status: "warn", message, next };
}

function fail(check: string, message: string, next: string): Finding {
  return { check, status: "fail", message, next };
}
