/**
 * Remembers the last 2,000 to 4,000 batches, so that a doubled message runs nothing twice. In two generations: when the
 * younger is full, the older is forgotten.
 */

const generationSize = 2_000;

export class RecentBatches {
  #young = new Set<string>();
  #old = new Set<string>();

  /** @returns false when it was seen before */
  add(batchId: string): boolean {
    if (this.#young.has(batchId) || this.#old.has(batchId)) return false;
    if (this.#young.size >= generationSize) {
      this.#old = this.#young;
      this.#young = new Set();
    }
    this.#young.add(batchId);
    return true;
  }
}
