/**
 * `make bench-peers`: Tasker beside what people would use instead, and beside the bare pipeline, in one run and in turns.
 * Each in its fast configuration, with what it promises printed beside the figure.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { median, stepsPerSecond } from "../measurement.ts";
import { markdown, replaceBlock } from "../report/page.ts";
import { machineLine, thisMachine } from "../report/report.ts";
import { scenarios } from "../scenarios.ts";
import { runOne } from "../turns.ts";
import type { Shape } from "./peer.ts";
import { peers } from "./peers.ts";
import type { PeerFigures } from "./run-peer.ts";

const { values: flags } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    /** Only those whose name begins so; Tasker and the bare pipeline always. */
    peer: { type: "string", default: "" },
    docs: { type: "boolean", default: false },
  },
});
const rounds = Number(flags.rounds);
if (!Number.isInteger(rounds) || rounds < 1)
  throw new Error(`--rounds ${flags.rounds}: expected a whole number from 1 on`);
const bareName = "bare pipeline";
const chosen = peers.filter(({ name }) => name === "Tasker" || name.toLowerCase().startsWith(flags.peer.toLowerCase()));

const began = performance.now();
const measured = new Map<string, PeerFigures[]>();
const failures: string[] = [];
for (let round = 0; round < rounds; round++) {
  note(bareName, await runBare());
  for (const { name } of chosen) {
    const figures = await runPeer(name);
    if (figures === null) failures.push(`${name}: round ${round + 1} did not end; what it printed is above`);
    else note(name, figures);
  }
}
const heads = ["system", "durability", "single steps/s", "chain of 10", "10 at once + join", "chain p50 ms", "p99"];
const rows = [bareName, ...chosen.map(({ name }) => name)].filter((name) => measured.has(name)).map(cellsOf);
const ratios = ratioLines();
print();
save();
if (flags.docs) writeDocs();
if (failures.length > 0) process.exitCode = 1;

/** The limit runs the same graphs. */
async function runBare(): Promise<PeerFigures> {
  const single = scenarios.find(({ name }) => name === "single-steps")!;
  const chain = scenarios.find(({ name }) => name === "chains-of-10")!;
  const fanOut = {
    ...scenarios.find(({ name }) => name === "fan-out-of-10")!,
    shape: { kind: "fan-in", width: 10 },
  } as const;
  const latency = await runOne("bare", scenarios.find(({ name }) => name === "chain-latency")!);
  return {
    stepsPerSecond: {
      single: stepsPerSecond(await runOne("bare", single)),
      chain: stepsPerSecond(await runOne("bare", chain)),
      "fan-out": stepsPerSecond(await runOne("bare", fanOut)),
    },
    chainMs: latency.taskMs,
  };
}

/** Null when it failed: the others are measured all the same, and the command fails at its end. */
async function runPeer(name: string): Promise<PeerFigures | null> {
  const child = fork(join(import.meta.dirname, "run-peer.ts"), { execArgv: [...process.execArgv, "--no-deprecation"] });
  child.send(name);
  const [answer] = await Promise.race([once(child, "message"), once(child, "exit")]);
  if (typeof answer !== "object" || answer === null) return null;
  await once(child, "exit");
  return answer as PeerFigures;
}

function note(name: string, figures: PeerFigures): void {
  measured.set(name, [...(measured.get(name) ?? []), figures]);
  const { single, chain, "fan-out": fanOut } = figures.stepsPerSecond;
  const text = [single, chain, fanOut].map((value) => (value === undefined ? "-" : whole(value))).join(" / ");
  console.log(`${name}: ${text} steps/s; chain p50 ${figures.chainMs.p50.toFixed(1)} ms`);
}

function cellsOf(name: string): string[] {
  const durability = peers.find((peer) => peer.name === name)?.durability ?? "SQLite, fsynced; no engine: the limit";
  const rates = (["single", "chain", "fan-out"] as const).map((shape) => {
    const rate = rateOf(name, shape);
    return rate === null ? "-" : whole(rate);
  });
  const ms = (key: "p50" | "p99") => median(measured.get(name)!.map(({ chainMs }) => chainMs[key])).toFixed(1);
  return [name, durability, ...rates, ms("p50"), ms("p99")];
}

/** The median of the rounds; null when it has no such shape. */
function rateOf(name: string, shape: Shape): number | null {
  const rates = (measured.get(name) ?? []).flatMap(({ stepsPerSecond: { [shape]: rate } }) => rate ?? []);
  return rates.length === 0 ? null : median(rates);
}

/** Tasker beside the best peer that is as durable as it is, and beside the bare pipeline. */
function ratioLines(): string[] {
  if (!measured.has("Tasker")) return [];
  const durable = chosen.filter(({ name, durable }) => durable && name !== "Tasker" && measured.has(name));
  const shapes = { single: "single steps", chain: "chains of 10", "fan-out": "10 at once + join" } as const;
  const lines = (Object.keys(shapes) as Shape[]).map((shape) => {
    const own = rateOf("Tasker", shape)!;
    const best = durable
      .map(({ name }) => ({ name, rate: rateOf(name, shape) ?? 0 }))
      .reduce((a, b) => (b.rate > a.rate ? b : a), { name: "none", rate: 0 });
    const bare = rateOf(bareName, shape)!;
    return `${shapes[shape]}: ${(own / best.rate).toFixed(1)} x the best durable peer (${best.name}), ${(own / bare).toFixed(2)} of the bare pipeline`;
  });
  const p50 = (name: string) => median(measured.get(name)!.map(({ chainMs }) => chainMs.p50));
  return [...lines, `chain of 10 at low load: p50 ${(p50("Tasker") / p50(bareName)).toFixed(2)} x the bare pipeline's`];
}

function print(): void {
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((cells) => cells[column]!.length)));
  const line = (cells: readonly string[]) =>
    cells.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  ");
  console.log(`\n${[heads, ...rows].map(line).join("\n")}\n\n${ratios.join("\n")}`);
  const seconds = Math.round((performance.now() - began) / 1000);
  console.log(`\n${machineLine(thisMachine())}; the median of ${rounds} rounds in turns; ${seconds} s`);
  for (const failure of failures) console.error(failure);
}

function save(): void {
  const folder = join(import.meta.dirname, "../results");
  mkdirSync(folder, { recursive: true });
  const result = {
    at: new Date().toISOString(),
    machine: thisMachine(),
    rounds,
    ratios,
    peers: Object.fromEntries(measured),
  };
  writeFileSync(join(folder, "peers.json"), `${JSON.stringify(result, null, 2)}\n`);
}

function writeDocs(): void {
  const head = `${new Date().toISOString().slice(0, 10)}, ${machineLine(thisMachine())}, the median of ${rounds} rounds in turns.`;
  replaceBlock(
    "benchmarks.md",
    "peers",
    `${head}\n\n${markdown(heads, rows)}\n\n${ratios.map((line) => `- ${line}`).join("\n")}`,
  );
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}
