import { expect, it } from "vitest";
import { dependentsOf, graphOf } from "./graph.ts";

it("fans out from one step and joins all of its middle", () => {
  expect(graphOf({ kind: "fan-out", width: 3 })).toEqual([[], [0], [0], [0], [1, 2, 3]]);
});

it("draws the same layers for the same seed, and each step waits for the layer before only", () => {
  const shape = { kind: "layered", layers: 4, width: 5, seed: 3 } as const;
  const graph = graphOf(shape);
  expect(graphOf(shape)).toEqual(graph);
  for (const [step, dependencies] of graph.entries()) {
    const layer = Math.floor(step / 5);
    expect(dependencies.length === 0).toBe(layer === 0);
    for (const other of dependencies) expect(Math.floor(other / 5)).toBe(layer - 1);
  }
});

it("reads a recorded workflow, each parent as a dependency", () => {
  const graph = graphOf({ kind: "workflow", file: "srasearch-chameleon-10a-001.json" });
  expect(graph).toHaveLength(22);
  const waitedFor = dependentsOf(graph).map(({ length }) => length);
  expect(waitedFor.reduce((sum, count) => sum + count, 0)).toBe(graph.flat().length);
});
