/** Writes the figures of a run into docs/benchmarks.md, between its markers, and draws its charts beside it. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { latencyChart, scaleChart, throughputChart } from "./charts.ts";
import { machineLine, type Report, type ScaleRow } from "./report.ts";
import {
  expectation,
  legend,
  pendingCells,
  pendingHeads,
  rowCells,
  rowHeads,
  scaleCells,
  scaleHeads,
} from "./table.ts";

const docs = join(import.meta.dirname, "../../docs");

export function writePage(report: Report): void {
  mkdirSync(join(docs, "benchmarks"), { recursive: true });
  if (report.rows.length > 0) {
    drawChart("throughput.svg", throughputChart(report.rows));
    drawChart("latency.svg", latencyChart(report.rows));
    const table = markdown(rowHeads, report.rows.flatMap(rowCells));
    replaceBlock(
      "benchmarks.md",
      "bench",
      `${where(report)}\n\n${table}\n\n${legend.join(" ")}\n\n${images("throughput", "latency")}`,
    );
  }
  const scaling = report.scaleRows.filter(({ scale }) => scale.expects !== null);
  if (scaling.length > 0) {
    drawChart("scaling.svg", scaleChart(scaling));
    const backlog = markdown(pendingHeads, pendingCells(report.pending));
    const tables = [
      ...scaling.map(scaleTable),
      `**scaling-pending**: memory below 512 MB, start-up within 10 s\n\n${backlog}`,
    ];
    replaceBlock("benchmarks.md", "scaling", `${where(report)}\n\n${images("scaling")}\n\n${tables.join("\n\n")}`);
  }
  for (const row of report.scaleRows) {
    if (row.scale.expects === null)
      replaceBlock("guides/tuning.md", row.scale.name, `${scaleTable(row)}\n\n${where(report)}`);
  }
}

function scaleTable(row: ScaleRow): string {
  return `**${row.scale.name}**: ${expectation(row.scale)}\n\n${markdown(scaleHeads, scaleCells(row))}`;
}

/** Puts `text` between `<!-- name:begin -->` and `<!-- name:end -->` of a page. */
export function replaceBlock(page: string, name: string, text: string): void {
  const file = join(docs, page);
  const before = readFileSync(file, "utf8");
  const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
  const from = before.indexOf(begin);
  const to = before.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${file} has no ${begin} ... ${end}`);
  writeFileSync(file, `${before.slice(0, from + begin.length)}\n${text}\n${before.slice(to)}`);
}

export function markdown(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(heads), line(heads.map((_, i) => (i === 0 ? "---" : "--:"))), ...rows.map(line)].join("\n");
}

function where({ at, machine, store, rounds }: Report): string {
  return `${at.slice(0, 10)}, ${machineLine(machine)}, store ${store}, the median of ${rounds} rounds in turns.`;
}

function images(...names: string[]): string {
  return names.map((name) => `![${name}](benchmarks/${name}.svg)`).join("\n\n");
}

function drawChart(name: string, svg: string): void {
  writeFileSync(join(docs, "benchmarks", name), svg);
}
