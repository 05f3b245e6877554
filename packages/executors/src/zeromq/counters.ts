/** What the executor counts, for metrics. Plain numbers that only grow, read whenever somebody asks. */

export class ZeromqCounters {
  framesIn = 0;
  framesOut = 0;
  batchesOut = 0;
  resultsIn = 0;
  /** Sends refused because the worker's queue was full; each is tried again. */
  sendsRefused = 0;
  /** Batches for a worker that was lost in the meantime; its leases are revoked anyway. */
  batchesToLostWorkers = 0;
  /** Subscriptions that got nothing: unknown topic, too long, too many. */
  subscriptionsRefused = 0;
  /** Times that everybody was cut off because of too many of them. */
  subscriptionFloods = 0;
  /** Hellos of sessions that would not hear the answer; each is asked again once it subscribes. */
  hellosUnheard = 0;
  sessionsJoined = 0;
  sessionsLost = 0;
  /** Sessions told to go away for good, by reason. */
  readonly sessionsRefused: Record<string, number> = Object.create(null);
  /** Leases reported missing: batches that never arrived, or steps that a worker no longer lists. */
  leasesMissing = 0;
  /** Frames that could not be read, by code. */
  readonly badFrames: Record<string, number> = Object.create(null);
}

export function countOne(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}
