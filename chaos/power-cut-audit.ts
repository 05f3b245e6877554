/**
 * Audits disks as power cuts would have left them. In a thread of its own: it computes for a minute, and the clocks and
 * connections of the cases that run beside it must not wait for that.
 */
import { once } from "node:events";
import { startThread } from "@tasker/threads";
import type { Disk } from "./power-cut.ts";

export interface PowerCutOrder {
  /** File that strace wrote. */
  readonly trace: string;
  readonly before: Disk;
  readonly cuts: number;
  readonly seed: number;
  readonly folder: string;
}

export interface PowerCutVerdict {
  readonly cuts: number;
  /** Replies and acks that had left when the power failed, over all cuts; those that were not kept are in `broken` too. */
  readonly replies: number;
  readonly acks: number;
  readonly broken: readonly string[];
}

/** @throws Error when it cannot be done */
export async function auditPowerCuts(order: PowerCutOrder): Promise<PowerCutVerdict> {
  const [verdict] = (await once(
    startThread(new URL("./programs/audit-power-cuts.ts", import.meta.url), { workerData: order }),
    "message",
  )) as [PowerCutVerdict];
  return verdict;
}
