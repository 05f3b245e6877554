/** The names that the messages of one round draw from: few, so that messages meet each other and what is really there. */
import type { SeededRandom } from "@tasker/testkit";
import { chance, pick } from "./random.ts";

const mostLeases = 200;

export class Vocabulary {
  readonly workers = ["w1", "w2", "pay-7", "w1-1"];
  readonly sessions: string[];
  readonly handlers = ["work", "Shop::Handlers::Ship", "größe", "__proto__"];
  readonly epochs = ["0000000000000001", "e2"];
  /** Lease ids: of nobody at first, then also those that were really given. */
  readonly leases = ["batch_0.1", "batch_0.2", "p1_1.7", "__proto__.1"];
  readonly #random: SeededRandom;

  constructor(random: SeededRandom) {
    this.#random = random;
    this.sessions = this.workers.flatMap((worker) => [`${worker}-0a1b2c3d`, `${worker}-ffffffff`]);
  }

  session(): string {
    return pick(this.#random, this.sessions);
  }

  worker(): string {
    return pick(this.#random, this.workers);
  }

  handler(): string {
    return pick(this.#random, this.handlers);
  }

  epoch(): string {
    return chance(this.#random, 0.9) ? this.epochs[0]! : pick(this.#random, this.epochs);
  }

  lease(): string {
    return pick(this.#random, this.leases);
  }

  /** It is drawn from now on; one that was drawn before may be no longer. */
  addLease(lease: string): void {
    if (this.leases.length < mostLeases) this.leases.push(lease);
    else this.leases[this.#random.below(mostLeases)] = lease;
  }
}
