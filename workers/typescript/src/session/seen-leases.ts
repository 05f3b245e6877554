/** Remembers the last 10,000 to 20,000 leases, in two generations: when the younger is full, the older is forgotten. */

const generationSize = 10_000;

export class SeenLeases {
  #young = new Set<string>();
  #old = new Set<string>();

  /** @returns false when it was seen before */
  add(leaseId: string): boolean {
    if (this.#young.has(leaseId) || this.#old.has(leaseId)) return false;
    if (this.#young.size >= generationSize) {
      this.#old = this.#young;
      this.#young = new Set();
    }
    this.#young.add(leaseId);
    return true;
  }
}
