/**
 * Reads what strace saw of an orchestrator with one task in it, and finds whether each reply, batch and ack left only
 * after an fsync that had returned since the request or result which it answers came in.
 */

export interface CallOrder {
  /** HTTP replies to submissions, batches and acks that left after their fsync. */
  readonly replies: number;
  readonly batches: number;
  readonly acks: number;
  /** Those that did not. */
  readonly unsynced: readonly string[];
}

const receives = /^(?:read|recvfrom|recvmsg)\(/;
/** Of the turn log: it makes a commit durable, the tables follow. */
const synced = /^(?:fsync|fdatasync)\(\d+<[^>]*-turns-[ab]>.*= 0$/;
const sends = /^(?:write|writev|sendto|sendmsg)\(/;
const outgoing = { replies: /HTTP\/1\.1 201/, batches: /type\\":\\"batch\\"/, acks: /result_ack/ } as const;
const leaseIds = /\w+_[0-9a-f]{16}\.\d+/g;

/** @param text of `strace -f -y -s 4096`, one task at a time */
export function orderOfCalls(text: string): CallOrder {
  const counts = { replies: 0, batches: 0, acks: 0 };
  const unsynced: string[] = [];
  /** Leases whose results have come; a result that comes again changes nothing, and needs no fsync. */
  const answered = new Set<string>();
  let isSynced = false;
  for (const call of returnedCalls(text)) {
    if (receives.test(call)) {
      if (bringsNews(call, answered)) isSynced = false;
    } else if (synced.test(call)) isSynced = true;
    else if (sends.test(call)) {
      for (const [name, pattern] of Object.entries(outgoing)) {
        if (!pattern.test(call)) continue;
        if (isSynced) counts[name as keyof typeof counts]++;
        else unsynced.push(`${name}: ${call.slice(0, 200)}`);
      }
    }
  }
  return { ...counts, unsynced };
}

/** A submission, or a result that did not come before. */
function bringsNews(call: string, answered: Set<string>): boolean {
  if (call.includes("POST /v1/tasks ")) return true;
  if (!call.includes("results {")) return false;
  const leases = call.match(leaseIds)?.filter((lease) => !answered.has(lease)) ?? [];
  for (const lease of leases) answered.add(lease);
  return leases.length > 0;
}

/** Whole calls, in the order in which they returned; sends in the order in which they began. */
function* returnedCalls(text: string): Generator<string> {
  const begun = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, thread = "", call = line] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(call);
    if (resumed !== null) {
      const beginning = begun.get(thread) ?? "";
      // What it sent left when the call began; it has been seen.
      if (!sends.test(beginning)) yield beginning + resumed[1];
    } else if (call.endsWith("<unfinished ...>")) {
      const beginning = call.slice(0, -"<unfinished ...>".length);
      begun.set(thread, beginning);
      if (sends.test(beginning)) yield beginning;
    } else {
      yield call;
    }
  }
}
