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

const incoming = /^(?:read|recvfrom|recvmsg)\(.*(?:POST \/v1\/tasks |results \{)/;
/** Of the turn log: it makes a commit durable, the tables follow. */
const synced = /^(?:fsync|fdatasync)\(\d+<[^>]*-turns-[ab]>.*= 0$/;
const sends = /^(?:write|writev|sendto|sendmsg)\(/;
const outgoing = { replies: /HTTP\/1\.1 201/, batches: /type\\":\\"batch\\"/, acks: /result_ack/ } as const;

/** @param text of `strace -f -y -s 4096`, one task at a time */
export function orderOfCalls(text: string): CallOrder {
  const counts = { replies: 0, batches: 0, acks: 0 };
  const unsynced: string[] = [];
  let isSynced = false;
  for (const call of returnedCalls(text)) {
    if (incoming.test(call)) isSynced = false;
    else if (synced.test(call)) isSynced = true;
    else if (sends.test(call)) {
      for (const [name, pattern] of Object.entries(outgoing)) {
        if (!pattern.test(call)) continue;
        if (isSynced) counts[name as keyof typeof counts]++;
        else unsynced.push(`${name}: ${call.slice(0, 100)}`);
      }
    }
  }
  return { ...counts, unsynced };
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
