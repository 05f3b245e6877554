/** Durations as people write them: `250ms`, `30s`, `1h30m`. */

const unitMs: Record<string, number> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** For JSON Schema and for error messages: each unit at most once, the largest first. */
export const durationPattern = String.raw`^(?=\d)(?:\d+d)?(?:\d+h)?(?:\d+m(?!s))?(?:\d+(?:\.\d+)?s)?(?:\d+ms)?$`;
const duration = new RegExp(durationPattern);

export const durationExamples = "250ms, 30s, 5m or 1h30m";

/** Milliseconds, or null when the text is not a duration. */
export function parseDuration(text: string): number | null {
  if (text.length > 64 || !duration.test(text)) return null;
  const parts = text.matchAll(/(\d+(?:\.\d+)?)(ms|[dhms])/g);
  return Math.round(parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * unitMs[unit!]!, 0));
}

/** The shortest way to write it, for messages. */
export function formatDuration(ms: number): string {
  const unit = Object.entries(unitMs).find(([, size]) => ms >= size && ms % size === 0);
  return unit === undefined ? `${ms}ms` : `${ms / unit[1]}${unit[0]}`;
}
