/** "Did you mean": the valid name that a wrong one is most probably a slip of. */

/** Longer names are not compared: nobody mistypes them, and the work grows with the square of the length. */
const longestCompared = 128;

/**
 * The candidate with the fewest edits (insert, delete, replace, swap two neighbours; case counts nothing), at most a
 * third of the name's length. Of equals the first one. Undefined when nothing is near.
 */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length > longestCompared) return undefined;
  const wanted = name.toLowerCase();
  let best: string | undefined;
  let bestEdits = Math.floor((name.length + 1) / 3) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - name.length) >= bestEdits) continue;
    const edits = editDistance(wanted, candidate.toLowerCase());
    if (edits < bestEdits) [best, bestEdits] = [candidate, edits];
    if (bestEdits === 0) break;
  }
  return best;
}

/** Optimal string alignment distance, three rows at a time. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      row[j] = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j]!, beforeLast[j - 2]! + 1);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
