/** What processes use: CPU, memory, bytes written. Workers are asked over their IPC channel. */
import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";

export interface Usage {
  readonly cpuMicros: number;
  /** To files; null where the system does not tell. */
  readonly bytesWritten: number | null;
  readonly peakRssBytes: number;
}

export function ownUsage(): Usage {
  const { user, system } = process.cpuUsage();
  return { cpuMicros: user + system, bytesWritten: bytesWritten(), peakRssBytes: peakRss() };
}

/** Linux counts CPU in hundredths of a second. */
const tickMicros = 10_000;

/** Of a process in any language, from what Linux says of it. Its writes are not known: they include its sockets'. */
export function usageOfProcess(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name, in parentheses, may hold anything; user and system time are the 14th and 15th field.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return {
    cpuMicros: (Number(fields[11]) + Number(fields[12])) * tickMicros,
    // Its writes are not known: they include its sockets'.
    bytesWritten: null,
    peakRssBytes: peakRssOf(pid),
  };
}

/** In a worker: answers the benchmark's questions, and ends with it. */
export function answerUsage(): void {
  process.on("message", () => process.send?.(ownUsage()));
  process.on("disconnect", () => process.exit(0));
}

/** Linux only. */
export function peakRssOf(pid: number | "self"): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) * 1024;
}

export async function usageOf(workers: readonly ChildProcess[]): Promise<Usage> {
  const all = await Promise.all(workers.map(ask));
  return {
    cpuMicros: sum(all.map(({ cpuMicros }) => cpuMicros)),
    bytesWritten: sum(all.map((usage) => usage.bytesWritten ?? 0)),
    peakRssBytes: sum(all.map(({ peakRssBytes }) => peakRssBytes)),
  };
}

function ask(worker: ChildProcess): Promise<Usage> {
  return new Promise((resolve) => {
    worker.once("message", (usage) => resolve(usage as Usage));
    worker.send("usage");
  });
}

/**
 * What a process has passed to `write`: its files, as sockets are sent to otherwise. Not `write_bytes`: it counts every page
 * of a large folio that a small append touches, a megabyte for a kilobyte (Linux 6.18, ext4).
 */
export function bytesWritten(): number | null {
  try {
    return Number(/^wchar: (\d+)$/m.exec(readFileSync("/proc/self/io", "utf8"))![1]);
  } catch {
    return null;
  }
}

/** `ru_maxrss` begins with what the parent had when it forked, so it is only second best. */
function peakRss(): number {
  try {
    return peakRssOf("self");
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
