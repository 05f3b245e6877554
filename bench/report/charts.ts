/** The charts of docs/benchmarks.md, as SVG text: groups of horizontal bars that follow the reader's light or dark scheme. */
import { type Measurement, measures, stepsPerSecond } from "../measurement.ts";
import type { Row, ScaleRow } from "./report.ts";
import { scaleCells } from "./table.ts";

export interface Bar {
  readonly value: number;
  /** Written at the bar's end. */
  readonly text: string;
  /** Position of its name in the legend. */
  readonly series: number;
}

export interface Group {
  readonly label: string;
  readonly bars: readonly Bar[];
}

export interface Chart {
  readonly title: string;
  readonly legend: readonly string[];
  readonly groups: readonly Group[];
  readonly axis: "linear" | "log";
}

export function throughputChart(rows: readonly Row[]): string {
  const groups = rows
    .filter(({ scenario }) => measures(scenario) === "throughput")
    .map(({ scenario, bare, tasker, ratio }) => ({
      label: scenario.name,
      bars: [
        { value: stepsPerSecond(bare), text: perSecond(bare), series: 0 },
        { value: stepsPerSecond(tasker), text: `${perSecond(tasker)} (${ratio.toFixed(2)})`, series: 1 },
      ],
    }));
  const legend = ["bare pipeline", "Tasker (and its share of the bare pipeline)"];
  return draw({ title: "Steps per second (submit: tasks per second)", legend, groups, axis: "linear" });
}

export function latencyChart(rows: readonly Row[]): string {
  const groups = rows
    .filter(({ scenario }) => measures(scenario) === "latency")
    .map(({ scenario, bare, tasker }) => ({
      label: scenario.name,
      bars: [bare, tasker].map(({ taskMs: { p50, p99 } }, series) => ({
        value: p99,
        text: `${p50.toFixed(1)} / ${p99.toFixed(1)} ms`,
        series,
      })),
    }));
  const title = "A task of ten steps: p50 / p99, bars to p99, logarithmic";
  return draw({ title, legend: ["bare pipeline", "Tasker"], groups, axis: "log" });
}

export function scaleChart(rows: readonly ScaleRow[]): string {
  const groups = rows.map((row) => ({
    label: row.scale.name.replace("scaling-", ""),
    bars: scaleCells(row).map((cells, index) => {
      const ratio = cells.at(-1)!;
      return { value: Number(ratio), text: `${ratio} with ${cells[0]}`, series: index === 0 ? 0 : 1 };
    }),
  }));
  const legend = ["the first of each scale", "the others, relative to it"];
  return draw({ title: "Cost per step (slots, workers: throughput per slot)", legend, groups, axis: "linear" });
}

const width = 860;
const labelWidth = 170;
const textWidth = 270;
const barHeight = 15;
const groupGap = 12;
const headHeight = 64;
const colours = ["#9aa5b1", "#1c7ed6", "#e8590c", "#7048e8", "#2f9e44", "#d6336c", "#f08c00", "#0c8599"];

const style = `text { font: 13px system-ui, sans-serif; fill: #212529; }
.title { font-weight: 600; font-size: 15px; }
.value { font-size: 12px; }
@media (prefers-color-scheme: dark) { text { fill: #dee2e6; } }`;

export function draw({ title, legend, groups, axis }: Chart): string {
  const largest = Math.max(...groups.flatMap(({ bars }) => bars.map(({ value }) => value)));
  const room = width - labelWidth - textWidth;
  const lengthOf = (value: number) =>
    axis === "linear" ? (value / largest) * room : (Math.log10(1 + value) / Math.log10(1 + largest)) * room;
  let top = headHeight;
  const drawn = groups.map((group) => {
    const text = drawGroup(group, top, lengthOf);
    top += group.bars.length * barHeight + groupGap;
    return text;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${top}" viewBox="0 0 ${width} ${top}" role="img">
<title>${escapeXml(title)}</title>
<style>${style}</style>
<text class="title" x="8" y="22">${escapeXml(title)}</text>
${drawLegend(legend)}
${drawn.join("\n")}
</svg>
`;
}

function drawGroup({ label, bars }: Group, top: number, lengthOf: (value: number) => number): string {
  const middle = top + (bars.length * barHeight) / 2 + 4;
  const name = `<text x="${labelWidth - 10}" y="${middle.toFixed(1)}" text-anchor="end">${escapeXml(label)}</text>`;
  const lines = bars.map(({ value, text, series }, index) => {
    const y = top + index * barHeight;
    const length = Math.max(1, lengthOf(value)).toFixed(1);
    const bar = `<rect x="${labelWidth}" y="${y}" width="${length}" height="${barHeight - 2}" fill="${colours[series]}"/>`;
    const x = (labelWidth + Number(length) + 6).toFixed(1);
    return `${bar}<text class="value" x="${x}" y="${y + barHeight - 4}">${escapeXml(text)}</text>`;
  });
  return [name, ...lines].join("\n");
}

function drawLegend(names: readonly string[]): string {
  let x = 8;
  return names
    .map((name, series) => {
      const at = x;
      x += 40 + name.length * 7;
      return `<rect x="${at}" y="36" width="12" height="12" fill="${colours[series]}"/><text class="value" x="${at + 18}" y="46">${escapeXml(name)}</text>`;
    })
    .join("\n");
}

function perSecond(m: Measurement): string {
  return Math.round(stepsPerSecond(m)).toLocaleString("en");
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
