/** All settings of the ZeroMQ executor, with their defaults. Durations are in milliseconds. */

/** Bounds on what peers may do. A peer is not trusted: it may be broken, or somebody else's. */
export interface ZeromqLimits {
  /** One message of a worker. libzmq cuts the connection of a peer that exceeds it. */
  readonly maxMessageBytes: number;
  /** Told to workers: one step's output. */
  readonly maxOutputBytes: number;
  /** Told to workers: steps in one batch. */
  readonly maxStepsPerBatch: number;
  /** 2.0 sessions known at once; the next one is refused with `too_many_sessions`. */
  readonly maxSessions: number;
  /** Leases that all sessions together may say they hold; a hello that brings more is refused with `too_many_leases`. */
  readonly maxDeclaredLeases: number;
  /** Plain 1.0 workers at once; the next one gets nothing until one leaves. */
  readonly maxPlainSlots: number;
  /** Topic of one subscription. libzmq cuts the connection of a peer that sends more than 1,024 bytes. */
  readonly maxSubscriptionBytes: number;
  /** Subscriptions answered in one second; the rest get nothing. */
  readonly maxSubscriptionsPerSecond: number;
  /** Subscriptions of all peers together; beyond it everybody is cut off and connects again. */
  readonly maxSubscriptions: number;
  /** Lines logged about bad frames and refused subscriptions in ten seconds; the rest are counted. */
  readonly maxComplaintsLogged: number;
}

export interface ZeromqConfig {
  /** Where batches are published (seed: `rust_step_publisher`). Bound. `tcp://127.0.0.1:*` takes a free port. */
  readonly steps: readonly string[];
  /** Where results and workers' messages arrive (seed: `rust_result_subscriber`). Bound. */
  readonly results: readonly string[];
  /** Endpoints where a 1.0 worker has bound its PUB (seed: `handler_result_publisher`). Connected to. */
  readonly connectResults: readonly string[];
  /** Steps for a plain 1.0 worker at once (seed: `batch_size`). */
  readonly batchSize: number;
  /** Messages queued for one worker before its next batch waits here (seed: `step_queue_hwm`). */
  readonly stepQueueHwm: number;
  /** Messages queued from one worker (seed: `result_queue_hwm`). */
  readonly resultQueueHwm: number;
  /** Workers send a heartbeat this often; the orchestrator says something to each at least this often. */
  readonly heartbeatMs: number;
  /** Nothing heard for this long: the worker is suspect and gets no new steps. */
  readonly silenceMs: number;
  /** Suspect by silence for this long: the worker is lost. A worker rebuilds its sockets after 4 s. */
  readonly graceMs: number;
  /** Neither subscribed nor heard for this long: the worker is lost. */
  readonly disconnectedGraceMs: number;
  /** How long a session may show that it lives before another with its worker id takes its place. */
  readonly contestMs: number;
  /** A plain 1.0 worker gets its first batch this long after it joined, once its results can arrive. */
  readonly plainSettleMs: number;
  /** How often the above are looked at, and refused sends tried again. */
  readonly tickMs: number;
  /** Lets TCP listen on, and connect to, more than this machine, although nobody proves who he is. */
  readonly allowInsecureTcp: boolean;
  readonly limits: ZeromqLimits;
}

export const defaultZeromqLimits: ZeromqLimits = {
  maxMessageBytes: 16 * 1024 * 1024,
  maxOutputBytes: 4 * 1024 * 1024,
  maxStepsPerBatch: 10,
  maxSessions: 1_000,
  maxDeclaredLeases: 500_000,
  maxPlainSlots: 256,
  maxSubscriptionBytes: 300,
  maxSubscriptionsPerSecond: 1_000,
  maxSubscriptions: 10_000,
  maxComplaintsLogged: 10,
};

/** Everything but the endpoints. */
export const defaultZeromqConfig: Omit<ZeromqConfig, "steps" | "results"> = {
  connectResults: [],
  batchSize: 10,
  stepQueueHwm: 1_000,
  resultQueueHwm: 1_000,
  heartbeatMs: 1_000,
  silenceMs: 3_000,
  graceMs: 3_000,
  disconnectedGraceMs: 1_500,
  contestMs: 2_000,
  plainSettleMs: 500,
  tickMs: 100,
  allowInsecureTcp: false,
  limits: defaultZeromqLimits,
};
