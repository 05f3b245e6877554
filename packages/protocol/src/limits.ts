/** What a message may be at most (spec section "Limits"). Receivers refuse what is beyond; nothing is unbounded. */

export interface CodecLimits {
  /** One frame, topic included. */
  readonly messageBytes: number;
  /** One `output` or `error`. */
  readonly outputBytes: number;
  /** One `progress`. */
  readonly progressBytes: number;
  /** One `cursor` of a checkpoint. */
  readonly checkpointBytes: number;
  readonly resultsPerMessage: number;
  readonly stepsPerBatch: number;
  /** Names in one `hello`. */
  readonly handlers: number;
  /** Ids in one list of leases, and so the capacity of one worker. */
  readonly leases: number;
  /** Values in one MessagePack message, where a single byte can be one. */
  readonly values: number;
  /** Objects and arrays inside each other. */
  readonly depth: number;
}

export const defaultLimits: CodecLimits = {
  messageBytes: 16 * 1024 * 1024,
  outputBytes: 4 * 1024 * 1024,
  progressBytes: 64 * 1024,
  checkpointBytes: 64 * 1024,
  resultsPerMessage: 1000,
  stepsPerBatch: 1000,
  handlers: 1000,
  leases: 10_000,
  values: 1_000_000,
  depth: 512,
};
