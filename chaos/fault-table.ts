/**
 * The faults that Tasker has to survive, with what it promises under each. Numbers are never given to another fault: a
 * test that shows one begins its name with `fault N: `, and `make test` fails when a fault of this table has none.
 */

export interface Fault {
  readonly number: number;
  readonly fault: string;
  readonly promise: string;
  /** Why it has no test yet: it needs a capability that does not exist. Null: a test has to name it. */
  readonly later: string | null;
}

const postgres = "needs PostgreSQL, or several orchestrators";
const soak = "takes days: see docs/internals/chaos.md for the command";

const rows: readonly [number: number, fault: string, promise: string, later?: string][] = [
  [1, "orchestrator killed (SIGKILL) at any instant", "nothing acknowledged is lost; ready again in 5 s"],
  [2, "orchestrator killed between commit and send", "what was leased is sent after the restart"],
  [3, "orchestrator killed between receiving a result and its commit", "the worker sends it again; one is accepted"],
  [4, "orchestrator killed again and again while it recovers", "recovery can be repeated"],
  [5, "power loss", "fsync returns before the reply and before the ack"],
  [6, "fsync fails (EIO)", "nothing is acknowledged; the orchestrator stops loudly"],
  [7, "a full disk", "submissions get 503, reading works, all goes on once there is space; a warning comes before"],
  [8, "a corrupt database, or one of a newer version", "the orchestrator refuses to start and says why"],
  [9, "a migration killed midway", "the next start rolls it back and migrates"],
  [10, "two orchestrators on one database, or on one ipc path", "the second one is refused"],
  [11, "worker killed (SIGKILL)", "its steps run again within seconds; the attempt counts"],
  [12, "worker stopped (SIGSTOP) past the grace, then continued", "its late results are never applied twice"],
  [13, "a handler blocks its process", "heartbeats go on; only the timeout ends it"],
  [14, "orchestrator stopped (SIGSTOP), then continued", "no lease expires because of it"],
  [15, "a poison step, which kills every worker", "it fails after its attempts; all other tasks finish"],
  [16, "a deaf worker (one direction cut)", "found by its unconfirmed batch; its steps run elsewhere"],
  [17, "half-open TCP connections", "the worker has a new session within two heartbeats of the bound of silence"],
  [18, "a partition that heals", "nothing is accepted twice"],
  [19, "20 % packet loss on a slow link", "progress without corruption"],
  [20, "messages doubled and reordered", "the same outcome"],
  [21, "results and acks lost", "results are sent again until they are acknowledged"],
  [22, "the same worker id twice", "the second worker is refused, visibly"],
  [23, "steps sent to a worker that just died", "they run elsewhere"],
  [24, "a slow worker", "it gets no more than it has slots; others are not held up"],
  [25, "a result and its timeout in the same instant", "one of them wins"],
  [26, "a cancellation that races a completion", "one legal outcome"],
  [27, "two orchestrators find the same lost lease", "one of them rescues it", postgres],
  [28, "an orchestrator paused past its lease of a partition", "its writes are refused", postgres],
  [29, "the clock jumps by a day, forward and back", "no lease expires because of it, retries come in time"],
  [30, "orchestrators whose clocks are 5 minutes apart", "the database's time decides", postgres],
  [31, "PostgreSQL killed and restarted", "ready 10 s after it is", postgres],
  [32, "a connection cut at COMMIT", "the outcome is looked up", postgres],
  [33, "serialization failures, deadlocks, an empty pool", "tried again a few times, then 503", postgres],
  [34, "LISTEN lost", "polling takes over in 2 s", postgres],
  [35, "100,000 pending tasks", "start in 10 s under 512 MB; fair"],
  [36, "10,000 retries due at once, 500 workers that reconnect", "no collapse"],
  [37, "payloads that are malformed, too large, too deep, cut off, or odd", "a typed error, or the same bytes back"],
  [38, "a fan-out of 5,000 steps and its join; every diamond", "the join fires once"],
  [39, "SIGTERM under load, rolling restarts", "drained; no attempt is lost"],
  [40, "slow HTTP clients, thousands of event streams", "the API answers as fast as before"],
  [41, "protocol versions mixed, a template changed midway", "a task finishes with the version that it began with"],
  [42, "days of load", "memory, descriptors and file size stay flat", soak],
];

export const faultTable: readonly Fault[] = rows.map(([number, fault, promise, later = null]) => ({
  number,
  fault,
  promise,
  later,
}));

/** @throws Error for a number that no fault has */
export function faultOf(number: number): Fault {
  const found = faultTable.find((fault) => fault.number === number);
  if (found === undefined) throw new Error(`no fault has the number ${number}`);
  return found;
}
