/** Writes the figures of a run into docs/benchmarks.md, between its markers, and draws its charts beside it. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { latencyChart, scaleChart, throughputChart } from "./charts.ts";
import { machineLine, type Report } from "./report.ts";
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
    replaceBlock(
      "bench",
      `${where(report)}\n\n${markdown(rowHeads, report.rows.flatMap(rowCells))}\n\n${legend.join(" ")}`,
    );
  }
  if (report.scaleRows.length > 0) {
    drawChart("scaling.svg", scaleChart(report.scaleRows));
    const tables = report.scaleRows.map(
      (row) => `**${row.scale.name}**: ${expectation(row.scale)}\n\n${markdown(scaleHeads, scaleCells(row))}`,
    );
    const backlog = `**scaling-pending**: memory below 512 MB, start-up within 10 s\n\n${markdown(pendingHeads, pendingCells(report.pending))}`;
    replaceBlock("scaling", `${where(report)}\n\n${[...tables, backlog].join("\n\n")}`);
  }
}

/** Puts `text` between `<!-- name:begin -->` and `<!-- name:end -->`. */
export function replaceBlock(name: string, text: string): void {
  const file = join(docs, "benchmarks.md");
  const page = readFileSync(file, "utf8");
  const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${file} has no ${begin} ... ${end}`);
  writeFileSync(file, `${page.slice(0, from + begin.length)}\n${text}\n${page.slice(to)}`);
}

export function markdown(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(heads), line(heads.map((_, i) => (i === 0 ? "---" : "--:"))), ...rows.map(line)].join("\n");
}

function where({ at, machine, store, rounds }: Report): string {
  return `${at.slice(0, 10)}, ${machineLine(machine)}, store ${store}, the median of ${rounds} rounds in turns.`;
}

function drawChart(name: string, svg: string): void {
  writeFileSync(join(docs, "benchmarks", name), svg);
}
