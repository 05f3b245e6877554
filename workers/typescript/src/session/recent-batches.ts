/**
 * Remembers the `seq` of the last 2,000 to 4,000 batch messages of a session, so that a doubled one runs nothing twice (not
 * the `batch_id`: a large batch comes in several messages). In two generations: when the younger is full, the older is
 * forgotten.
 */

const generationSize = 2_000;

export class RecentBatches {
  #young = new Set<number>();
  #old = new Set<number>();

  /** @returns false when it was seen before */
  add(seq: number): boolean {
    if (this.#young.has(seq) || this.#old.has(seq)) return false;
    if (this.#young.size >= generationSize) {
      this.#old = this.#young;
      this.#young = new Set();
    }
    this.#young.add(seq);
    return true;
  }
}
