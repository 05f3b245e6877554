/** Compares figures of which less is better with the recorded ones. */

/** Name -> what it is, or was. */
export type Figures = Readonly<Record<string, number>>;

export interface Verdict {
  readonly name: string;
  readonly recorded: number | null;
  readonly measured: number | null;
  /** `missing`: recorded but not measured, or the other way round. */
  readonly verdict: "kept" | "gained" | "lost" | "missing";
}

/** More than this much worse is lost, and as much better is gained. */
const margin = 1.25;

export function judge(recorded: Figures, measured: Figures): Verdict[] {
  const names = new Set([...Object.keys(recorded), ...Object.keys(measured)]);
  return [...names].map((name) => {
    const before = recorded[name] ?? null;
    const now = measured[name] ?? null;
    return { name, recorded: before, measured: now, verdict: verdictOf(before, now) };
  });
}

function verdictOf(before: number | null, now: number | null): Verdict["verdict"] {
  if (before === null || now === null || Number.isNaN(now)) return "missing";
  if (now > before * margin) return "lost";
  return now < before / margin ? "gained" : "kept";
}

export function table(verdicts: readonly Verdict[]): string {
  const lines = verdicts.map(({ name, recorded, measured, verdict }) => {
    const change = recorded === null || measured === null ? "" : `${((measured / recorded - 1) * 100).toFixed(1)} %`;
    return `${name.padEnd(44)}${text(recorded)}${text(measured)}${change.padStart(10)}  ${verdict}`;
  });
  return [
    `${"per step".padEnd(44)}${"recorded".padStart(10)}${"now".padStart(10)}${"change".padStart(10)}`,
    ...lines,
  ].join("\n");
}

function text(value: number | null): string {
  return (value === null ? "-" : String(value)).padStart(10);
}
