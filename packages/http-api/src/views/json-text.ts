/** The few forms that every view writes. */

/** ISO 8601, UTC, with milliseconds. @param ms wall-clock milliseconds since 1970 */
export function timeJson(ms: number | null): string {
  return ms === null ? "null" : `"${new Date(ms).toISOString()}"`;
}

export function stringJson(text: string | null): string {
  return text === null ? "null" : JSON.stringify(text);
}

/** @param nextCursor null on the last page */
export function pageJson(items: readonly string[], nextCursor: string | null): string {
  return `{"items":[${items.join(",")}],"next_cursor":${stringJson(nextCursor)}}`;
}
