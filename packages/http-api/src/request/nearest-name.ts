/** "Did you mean": the name a reader probably meant. */

/** The nearest of `names` by edits, or undefined when none is near enough to be a slip of the same word. */
export function nearestName(given: string, names: readonly string[]): string | undefined {
  const bound = Math.max(1, Math.floor(given.length / 3));
  let nearest: string | undefined;
  let least = bound + 1;
  for (const name of names) {
    if (Math.abs(name.length - given.length) >= least) continue;
    const edits = editDistance(given.toLowerCase(), name.toLowerCase());
    if (edits < least) [nearest, least] = [name, edits];
  }
  return nearest;
}

/** Levenshtein's distance, row by row. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
