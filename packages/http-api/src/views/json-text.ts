/** The few forms that every view writes. */

/** Most times of a page or a bulk answer are those of one turn, so the last one is kept: formatting costs half a microsecond. */
let last = { ms: 0, json: '"1970-01-01T00:00:00.000Z"' };

/** ISO 8601, UTC, with milliseconds. @param ms wall-clock milliseconds since 1970 */
export function timeJson(ms: number | null): string {
  if (ms === null) return "null";
  if (ms !== last.ms) last = { ms, json: `"${new Date(ms).toISOString()}"` };
  return last.json;
}

export function stringJson(text: string | null): string {
  return text === null ? "null" : JSON.stringify(text);
}

/** @param nextCursor null on the last page */
export function pageJson(items: readonly string[], nextCursor: string | null): string {
  return `{"items":[${items.join(",")}],"next_cursor":${stringJson(nextCursor)}}`;
}
