/** The shapes of tasks that scenarios name, as plain graphs that every system under test can run. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { seededRandom } from "./random.ts";

export type Shape =
  | { readonly kind: "chain"; readonly steps: number }
  /** One step, `width` steps after it, one that waits for all of them. */
  | { readonly kind: "fan-out"; readonly width: number }
  /** `width` steps at once, one that waits for all of them. */
  | { readonly kind: "fan-in"; readonly width: number }
  /** `layers` x `width` steps; each waits for one to three of the layer before. */
  | { readonly kind: "layered"; readonly layers: number; readonly width: number; readonly seed: number }
  /** A recorded workflow in WfFormat, without its runtimes. */
  | { readonly kind: "workflow"; readonly file: string };

/** For each step the positions of those that it waits for. */
export type Graph = readonly (readonly number[])[];

export function graphOf(shape: Shape): Graph {
  switch (shape.kind) {
    case "chain":
      return Array.from({ length: shape.steps }, (_, step) => (step === 0 ? [] : [step - 1]));
    case "fan-out":
      return fanOut(shape.width);
    case "fan-in":
      return [...Array.from({ length: shape.width }, () => []), Array.from({ length: shape.width }, (_, i) => i)];
    case "layered":
      return layered(shape);
    case "workflow":
      return workflow(shape.file);
  }
}

/** For each step the positions of those that wait for it. */
export function dependentsOf(graph: Graph): number[][] {
  const dependents: number[][] = graph.map(() => []);
  for (const [step, dependencies] of graph.entries()) for (const other of dependencies) dependents[other]!.push(step);
  return dependents;
}

function fanOut(width: number): Graph {
  const middle = Array.from({ length: width }, () => [0]);
  return [[], ...middle, Array.from({ length: width }, (_, i) => i + 1)];
}

function layered({ layers, width, seed }: Extract<Shape, { kind: "layered" }>): Graph {
  const random = seededRandom(seed);
  const graph: number[][] = [];
  for (let step = 0; step < layers * width; step++) {
    const layer = Math.floor(step / width);
    const dependencies = new Set<number>();
    const count = layer === 0 ? 0 : 1 + Math.floor(random() * Math.min(3, width));
    while (dependencies.size < count) dependencies.add((layer - 1) * width + Math.floor(random() * width));
    graph.push([...dependencies].sort((a, b) => a - b));
  }
  return graph;
}

interface WfInstance {
  readonly workflow: {
    readonly specification: { readonly tasks: { readonly id: string; readonly parents: string[] }[] };
  };
}

function workflow(file: string): Graph {
  const folder = join(import.meta.dirname, "../packages/templates/testdata/wfinstances");
  const { tasks } = (JSON.parse(readFileSync(join(folder, file), "utf8")) as WfInstance).workflow.specification;
  const position = new Map(tasks.map(({ id }, index) => [id, index]));
  return tasks.map(({ parents }) => parents.map((parent) => position.get(parent)!));
}
