/**
 * Says in the log that the disk of the database is nearly full, while there is still time: one line when its free space
 * falls below a limit, one when there is enough again. When it is full after all, nothing is lost: submissions are refused.
 */
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { Log } from "@tasker/engine";

export interface DiskWatchOptions {
  /** Path of a file on the disk. */
  readonly file: string;
  /** Free space that is too little, in bytes. */
  readonly warnBelowBytes: number;
  readonly log: Log;
  readonly everyMs?: number;
}

const defaultEveryMs = 5_000;

/** Looks at once, and then from time to time. @returns what ends it */
export async function watchDisk({
  file,
  warnBelowBytes,
  log,
  everyMs = defaultEveryMs,
}: DiskWatchOptions): Promise<() => void> {
  let isLow = false;
  const look = async (): Promise<void> => {
    const { bavail, bsize } = await statfs(dirname(file));
    const freeBytes = bavail * bsize;
    if (freeBytes < warnBelowBytes === isLow) return;
    isLow = !isLow;
    const fields = { free_bytes: freeBytes, warn_below_bytes: warnBelowBytes, database: file };
    if (isLow) log.warn("disk.low", fields);
    else log.info("disk.enough", fields);
  };
  const lookAgain = () => look().catch((error: Error) => log.warn("disk.unknown", { error: error.message }));
  await lookAgain();
  const timer = setInterval(lookAgain, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
