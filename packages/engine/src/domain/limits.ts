/** Every bound and duration that the engine works with, each with its default. All are settings of the server. */

export interface EngineSettings {
  /** Steps in one batch at most (seed: `batch_size`). */
  readonly batchSize: number;
  /** Text of one batch, roughly; a larger single step goes alone. */
  readonly batchBytes: number;
  /** How long recovered leases wait for their worker to declare them. */
  readonly leaseGraceMs: number;
  /** The worker enforces `timeout_ms` first; the orchestrator this much later. */
  readonly timeoutSlackMs: number;
  /** Output of one step; a larger one fails the attempt. */
  readonly maxOutputBytes: number;
  /** Error text of one step; a larger one is shortened. */
  readonly maxErrorBytes: number;
  /** Submitted tasks that wait for a turn; more are refused as `overloaded`. */
  readonly maxPendingSubmissions: number;
  /** Their contexts; once so many characters wait, further calls are refused as `overloaded`. */
  readonly maxPendingSubmissionBytes: number;
  /** Results and other news of workers that wait for a turn; at so many nothing more is read from workers. */
  readonly maxPendingResults: number;
  /** The same, by the characters of their payloads. */
  readonly maxPendingResultBytes: number;
  /** Tasks and results that one turn takes from its inbox. */
  readonly turnWeight: number;
  /** Contexts and outputs of active tasks kept in memory. */
  readonly payloadCacheBytes: number;
  /** One debug line per leased and answered step. */
  readonly traceSteps: boolean;
}

export const defaultEngineSettings: EngineSettings = {
  batchSize: 10,
  batchBytes: 1024 * 1024,
  leaseGraceMs: 10_000,
  timeoutSlackMs: 5_000,
  maxOutputBytes: 4 * 1024 * 1024,
  maxErrorBytes: 64 * 1024,
  maxPendingSubmissions: 10_000,
  maxPendingSubmissionBytes: 256 * 1024 * 1024,
  maxPendingResults: 20_000,
  maxPendingResultBytes: 64 * 1024 * 1024,
  turnWeight: 2_000,
  payloadCacheBytes: 64 * 1024 * 1024,
  traceSteps: false,
};

/** The sweep over leased steps that enforces timeouts runs this often at most. */
export const sweepIntervalMs = 250;

/** After a commit has failed the next turn waits this long; twice as long after each further failure, up to the second. */
export const failurePauseMs = { first: 100, longest: 5_000 } as const;

/** Lines about results of unknown and old leases in ten seconds; the rest are counted. */
export const complaintsLogged = 10;
