/** The dependencies of a template's steps: names that exist, no step twice, no cycle. */

import { nearest } from "@tasker/engine";
import type { IssueLog } from "./document/issue-log.ts";
import { type Node, placeOf, shorten } from "./document/tree.ts";

export interface GraphNode {
  readonly name: string;
  readonly nameNode: Node;
  /** One for each name in `depends_on`. */
  readonly dependencies: readonly Node[];
}

/** A cycle longer than this is shortened in its message. */
const shownOfCycle = 12;

export function checkGraph(nodes: readonly GraphNode[], issues: IssueLog): void {
  const byName = new Map<string, GraphNode>();
  for (const node of nodes) {
    if (byName.has(node.name)) issues.add(placeOf(node.nameNode), `a step named ${node.name} is already there`);
    else byName.set(node.name, node);
  }
  const edges = new Map([...byName.values()].map((node) => [node, checkDependencies(node, byName, issues)]));
  reportCycles(edges, issues);
}

interface Edge {
  readonly to: GraphNode;
  readonly written: Node;
}

function checkDependencies(node: GraphNode, byName: ReadonlyMap<string, GraphNode>, issues: IssueLog): Edge[] {
  const edges = new Map<string, Edge>();
  for (const written of node.dependencies) {
    const name = written.kind === "scalar" && typeof written.value === "string" ? written.value : null;
    if (name === null) continue;
    const to = byName.get(name);
    if (to === undefined) {
      const suggestion = issues.isFull ? undefined : nearest(name, byName.keys());
      issues.add(placeOf(written), `no step is named ${JSON.stringify(shorten(name, 64))}`, suggestion);
    } else if (to === node) issues.add(placeOf(written), `the step ${name} depends on itself`);
    else if (edges.has(name)) issues.add(placeOf(written), `the step already depends on ${name}`);
    else edges.set(name, { to, written });
  }
  return [...edges.values()];
}

/** Each cycle once; cycles that share steps are told one after the other, as the first one is resolved. */
function reportCycles(edges: ReadonlyMap<GraphNode, readonly Edge[]>, issues: IssueLog): void {
  const inCycles = withoutRunnable(edges);
  const visited = new Set<GraphNode>();
  for (const start of inCycles) {
    const path = new Map<GraphNode, Edge>();
    let at = start;
    while (!visited.has(at)) {
      visited.add(at);
      // Every step that is left waits for one that is left, so this walk comes back to its own path.
      const edge = edges.get(at)!.find(({ to }) => inCycles.has(to))!;
      path.set(at, edge);
      at = edge.to;
    }
    if (path.has(at)) reportCycle([...path].slice([...path.keys()].indexOf(at)), issues);
  }
}

/** The steps that could never start: those of cycles, and those that wait for them. */
function withoutRunnable(edges: ReadonlyMap<GraphNode, readonly Edge[]>): Set<GraphNode> {
  const open = new Map([...edges].map(([node, list]) => [node, list.length]));
  const dependents = new Map<GraphNode, GraphNode[]>([...edges.keys()].map((node) => [node, []]));
  for (const [node, list] of edges) for (const { to } of list) dependents.get(to)!.push(node);
  const runnable = [...open.keys()].filter((node) => open.get(node) === 0);
  for (const node of runnable) {
    for (const dependent of dependents.get(node)!) {
      open.set(dependent, open.get(dependent)! - 1);
      if (open.get(dependent) === 0) runnable.push(dependent);
    }
  }
  const left = new Set(edges.keys());
  for (const node of runnable) left.delete(node);
  return left;
}

function reportCycle(cycle: readonly (readonly [GraphNode, Edge])[], issues: IssueLog): void {
  const names = cycle.map(([node]) => node.name);
  const shown = names.length <= shownOfCycle ? names : [...names.slice(0, shownOfCycle - 2), "...", names.at(-1)!];
  const place = placeOf(cycle.at(-1)![1].written);
  issues.add(place, `steps wait for each other: ${[...shown, names[0]].join(" -> ")} (each depends on the next)`);
}
