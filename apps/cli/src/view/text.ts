/** Text for terminals: what came from elsewhere made visible, clipped to a width, put into columns. Pure functions. */
import { styleText } from "node:util";

/** Control characters (a handler's message may hold any) would drive the terminal: shown as `\x1b`, line ends as spaces. */
export function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (character) => {
    if (character === "\n" || character === "\r" || character === "\t") return " ";
    const code = character.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });
const printableAscii = /^[\x20-\x7e]*$/;
/** East Asian wide and emoji: two columns. */
const wide =
  /[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;
const invisible = /^[\p{Mark}\p{Format}]+$/u;

/** Columns that visible text takes. */
export function widthOf(text: string): number {
  if (printableAscii.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += graphemeWidth(segment);
  return width;
}

function graphemeWidth(grapheme: string): number {
  if (invisible.test(grapheme)) return 0;
  return wide.test(grapheme) ? 2 : 1;
}

/** At most `width` columns; what does not fit ends in `…`. */
export function clip(text: string, width: number): string {
  if (text.length <= width && printableAscii.test(text)) return text;
  // More characters than this cannot fit, whatever they are; a message may be megabytes long.
  const bounded = text.slice(0, Math.max(0, width) * 16 + 16);
  if (bounded.length === text.length && widthOf(text) <= width) return text;
  if (width < 1) return "";
  let kept = "";
  let used = 0;
  for (const { segment } of graphemes.segment(bounded)) {
    used += graphemeWidth(segment);
    if (used > width - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

export function pad(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - widthOf(text)));
}

export type Style = "red" | "green" | "yellow" | "cyan" | "dim" | "bold";

/** Adds colour to finished text; without `color` the text as it is. */
export function styled(text: string, style: Style | null, color: boolean): string {
  return color && style !== null ? styleText(style, text, { validateStream: false }) : text;
}

export interface Cell {
  readonly text: string;
  readonly style?: Style | null;
}

/**
 * Rows in columns, two spaces apart, none wider than `columns`: the last column is clipped first, then the widest.
 * @param columns of the terminal; infinite when it is none
 */
export function table(
  head: readonly string[],
  rows: readonly (readonly (string | Cell)[])[],
  { columns, color }: { readonly columns: number; readonly color: boolean },
): string[] {
  const cells = [
    head.map((text): Cell => ({ text, style: "dim" })),
    ...rows.map((row) =>
      row.map(
        (cell): Cell => (typeof cell === "string" ? { text: visible(cell) } : { ...cell, text: visible(cell.text) }),
      ),
    ),
  ];
  const widths = fitted(
    head.map((_, column) => Math.max(...cells.map((row) => widthOf(row[column]!.text)))),
    columns,
  );
  return cells.map((row) => {
    const last = row.length - 1;
    const parts = row.map(({ text, style }, column) => {
      const clipped = clip(text, widths[column]!);
      return styled(column === last ? clipped : pad(clipped, widths[column]!), style ?? null, color);
    });
    return parts.join("  ").trimEnd();
  });
}

const minColumn = 6;

function fitted(natural: readonly number[], columns: number): number[] {
  const widths = [...natural];
  let excess = widths.reduce((sum, width) => sum + width + 2, -2) - columns;
  const last = widths.length - 1;
  for (const column of [last, ...widths.keys()].filter((column, index) => index === 0 || column !== last)) {
    if (excess <= 0) break;
    const cut = Math.min(excess, Math.max(0, widths[column]! - minColumn));
    widths[column]! -= cut;
    excess -= cut;
  }
  return widths;
}

/** `850 ms`, `12.3 s`, `4 m 05 s`, `3 h 20 m`, `2 d 4 h` */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} m ${String(seconds % 60).padStart(2, "0")} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 2_880) return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} m`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** `1 step`, `2 steps` */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** JSON text on one line: its line ends are white space between tokens, since strings cannot hold them. */
export function oneLine(json: string): string {
  return json.replace(/[\r\n]+/g, " ").trim();
}
