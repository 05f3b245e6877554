/** How long, and how patiently, a command waits for a server that went away. */
import { CommandError } from "../command-error.ts";
import { exitCodes } from "../exit-codes.ts";

export interface Patience {
  /** Ends the wait, with its reason as the error. */
  readonly signal: AbortSignal;
  /** How long the server may be away. */
  readonly giveUpAfterMs: number;
  /** Once each time the server goes away. */
  readonly onLost: (error: CommandError) => void;
}

const firstPauseMs = 200;
const longestPauseMs = 2_000;

export class Reconnection {
  readonly #patience: Patience;
  #lostAt: number | null = null;
  #pauseMs = firstPauseMs;

  constructor(patience: Patience) {
    this.#patience = patience;
  }

  /** It was heard of. */
  back(): void {
    this.#lostAt = null;
    this.#pauseMs = firstPauseMs;
  }

  /**
   * Waits before the next attempt, longer each time.
   * @throws the error when it is not that the server is away, or when it has been away for too long; the signal's reason
   */
  async wait(error: unknown): Promise<void> {
    const { signal, giveUpAfterMs, onLost } = this.#patience;
    if (signal.aborted) throw signal.reason;
    if (!(error instanceof CommandError) || error.exitCode !== exitCodes.unreachable) throw error;
    const now = performance.now();
    if (this.#lostAt === null) onLost(error);
    this.#lostAt ??= now;
    if (now - this.#lostAt > giveUpAfterMs) throw error;
    await pause(this.#pauseMs, signal);
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal.addEventListener("abort", abort, { once: true });
  });
}
