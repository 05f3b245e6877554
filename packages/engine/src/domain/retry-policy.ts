/** When a failed attempt is tried again: backoff per step, with jitter so that a crowd of retries spreads out. */
import type { RetryPolicy } from "./template.ts";

/**
 * The delay before the next attempt, in milliseconds.
 * @param attempt the attempt that failed, from 1
 * @param uniform a random number, 0 <= x < 1
 */
export function backoffMs(policy: RetryPolicy, attempt: number, uniform: number): number {
  const bounded = Math.min(policy.max_ms, undelayed(policy, attempt));
  const spread = 1 + policy.jitter * (2 * uniform - 1);
  return Math.round(bounded * spread);
}

function undelayed(policy: RetryPolicy, attempt: number): number {
  switch (policy.backoff) {
    case "none":
      return 0;
    case "fixed":
      return policy.base_ms;
    case "linear":
      return policy.base_ms * attempt;
    case "exponential":
      return policy.base_ms * 2 ** Math.min(attempt - 1, 52);
  }
}
