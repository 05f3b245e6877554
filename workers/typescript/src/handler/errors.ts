/** How a handler says what should follow its failure. Any other error fails the attempt, and the step's policy decides. */

interface FailureOptions {
  /**
   * A stable name for programs, in the step's error. `timeout` is the protocol's word for "nobody knows whether it
   * ran", so a handler's own `timeout` is reported as `handler_timeout`.
   */
  readonly code?: string;
  readonly cause?: unknown;
}

/** Try again, at the earliest after `retryAfterMs` (which wins over the step's backoff), as long as there are retries. */
export class RetryableError extends Error {
  readonly code: string | null;
  /** Milliseconds; null leaves it to the step's backoff. */
  readonly retryAfterMs: number | null;

  constructor(message: string, options: FailureOptions & { readonly retryAfterMs?: number } = {}) {
    super(message, { cause: options.cause });
    this.name = "RetryableError";
    this.code = options.code ?? null;
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

/** Trying again is of no use: the step fails now. */
export class PermanentError extends Error {
  readonly code: string | null;

  constructor(message: string, options: FailureOptions = {}) {
    super(message, { cause: options.cause });
    this.name = "PermanentError";
    this.code = options.code ?? null;
  }
}
