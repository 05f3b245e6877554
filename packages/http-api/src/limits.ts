/** What a request may be at most. Beyond each there is a refusal that names the limit; nothing is unbounded. */

export interface HttpLimits {
  /** Any body. */
  readonly bodyBytes: number;
  /** Bodies that are being received or answered, all together. */
  readonly pendingBodyBytes: number;
  /** The body of a template. */
  readonly templateBytes: number;
  /** The context of one task. */
  readonly contextBytes: number;
  /** Objects and arrays inside each other, in any JSON body. */
  readonly depth: number;
  /** Tasks in one bulk call. */
  readonly bulkTasks: number;
  readonly tags: number;
  readonly tagChars: number;
  readonly idempotencyKeyChars: number;
  /** Names, versions, correlation ids, initiators, filters. */
  readonly nameChars: number;
  readonly reasonChars: number;
  /** Items of one page. */
  readonly pageItems: number;
  /** Event streams open at the same time. */
  readonly streams: number;
  /** What one stream may hold back for a client that reads slowly. */
  readonly streamBufferBytes: number;
  /** A comment goes down every stream this often. */
  readonly streamHeartbeatMs: number;
  /** A stream whose client takes nothing for this long is closed. */
  readonly streamStallMs: number;
}

export const defaultHttpLimits: HttpLimits = {
  bodyBytes: 32 * 1024 * 1024,
  pendingBodyBytes: 256 * 1024 * 1024,
  templateBytes: 8 * 1024 * 1024,
  contextBytes: 4 * 1024 * 1024,
  // The strictest parser among the SDKs (Ruby's) takes 100, and a batch wraps a context in three levels.
  depth: 96,
  bulkTasks: 1_000,
  tags: 32,
  tagChars: 128,
  idempotencyKeyChars: 255,
  nameChars: 255,
  reasonChars: 1_000,
  pageItems: 1_000,
  streams: 5_000,
  streamBufferBytes: 1024 * 1024,
  streamHeartbeatMs: 15_000,
  streamStallMs: 30_000,
};

export const minPriority = -100;
export const maxPriority = 100;
export const defaultPageItems = 100;
