/** Logs what peers do wrong, at a bounded rate: the first few of every ten seconds, then how many more there were. */
import type { Log, LogFields } from "./ports.ts";

const windowMs = 10_000;

export class Complaints {
  readonly #log: Log;
  readonly #limit: number;
  #windowEndsAt = windowMs;
  #logged = 0;
  #silenced = 0;

  constructor(log: Log, limit: number) {
    this.#log = log;
    this.#limit = limit;
  }

  raise(event: string, fields: LogFields): void {
    if (this.#logged < this.#limit) {
      this.#logged++;
      this.#log.warn(event, fields);
    } else {
      this.#silenced++;
    }
  }

  tick(nowMs: number): void {
    if (nowMs < this.#windowEndsAt) return;
    this.#windowEndsAt = nowMs + windowMs;
    if (this.#silenced > 0) this.#log.warn("peers.more_complaints", { silenced: this.#silenced });
    this.#logged = 0;
    this.#silenced = 0;
  }
}
