/** Joins the roster to real sockets and a real timer: the ZeroMQ executor of an orchestrator (seed: ZmqPubSubExecutor). */
import type { Clock, Executor, Log, Random, WorkerEvents } from "@tasker/engine";
import type { ZeromqConfig } from "./config.ts";
import { ZeromqCounters } from "./counters.ts";
import { Roster } from "./roster.ts";
import { Sockets } from "./sockets.ts";

export interface ZeromqExecutorPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly random: Random;
  /** Names this orchestrator to workers; the same after a restart. */
  readonly orchestratorId: string;
  /** While it is so, nothing is read from workers: see `Engine.isCongested`. */
  readonly isCongested?: () => boolean;
}

export interface ZeromqExecutor extends Executor {
  /** As bound: with the ports that were free where the configuration left the choice. */
  readonly endpoints: { readonly steps: readonly string[]; readonly results: readonly string[] };
  readonly counters: Readonly<ZeromqCounters>;
  /** Workers that are here now. */
  readonly population: { readonly sessions: number; readonly joined: number; readonly plain: number };
  /**
   * Closes the sockets. Workers notice the silence and wait for the next orchestrator; nothing is revoked.
   * @param options.drainMs how long messages that are already sent may take to leave; 2,000 by default
   */
  stop(options?: { readonly drainMs?: number }): void;
}

const defaultDrainMs = 2_000;

/**
 * Binds the sockets and starts to listen. Events may arrive as soon as the promise resolves, and not before.
 * @throws TaskerError `endpoint_unusable` when an endpoint is wrong, taken, or open to strangers
 */
export async function startZeromqExecutor(
  config: ZeromqConfig,
  events: WorkerEvents,
  { clock, log, random, orchestratorId, isCongested = () => false }: ZeromqExecutorPorts,
): Promise<ZeromqExecutor> {
  const counters = new ZeromqCounters();
  const owner = `orchestrator ${orchestratorId}, process ${process.pid}`;
  const sockets = await Sockets.open({ config, log, counters, secret: random.token(), owner, isCongested });
  const roster = new Roster({
    config,
    events,
    wire: sockets,
    log,
    random,
    orchestratorId,
    counters,
    firstSeq: () => Math.floor(clock.wallMs() * 1_000),
  });
  roster.tick(clock.monotonicMs());
  const timer = setInterval(() => roster.tick(clock.monotonicMs()), config.tickMs);
  sockets.listen(roster);
  return {
    kind: "zeromq",
    endpoints: sockets.endpoints,
    counters,
    get population() {
      return roster.population;
    },
    dispatch: (key, batch) => roster.dispatch(key, batch),
    acknowledge: (key, leaseIds) => roster.acknowledge(key, leaseIds),
    acknowledgeTimeouts: (key, leaseIds) => roster.acknowledgeTimeouts(key, leaseIds),
    settleCheckpoints: (key, checkpoints) => roster.settleCheckpoints(key, checkpoints),
    cancel: (key, leaseIds, reason) => roster.cancel(key, leaseIds, reason),
    drain: (key, reason) => roster.drain(key, reason),
    stop({ drainMs = defaultDrainMs } = {}) {
      clearInterval(timer);
      roster.flush();
      sockets.close(drainMs);
    },
  };
}
