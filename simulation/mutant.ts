/**
 * Runs seeds with one mutation in place until an invariant breaks, and prints what was found as a line of JSON. A process
 * of its own: the mutated modules must be loaded by nobody else.
 */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { mutations } from "./mutations.ts";

export interface Finding {
  /** How many seeds it took; null: none of them found it. */
  readonly seeds: number | null;
  readonly invariant: string | null;
  readonly message: string;
}

const [name, limit = "10000"] = process.argv.slice(2);
const mutation = mutations.find((known) => known.name === name);
if (mutation === undefined) throw new Error(`no mutation is named ${JSON.stringify(name)}`);
const { file, find, replace } = mutation;
const path = join(import.meta.dirname, "..", file);
const parts = readFileSync(path, "utf8").split(find);
if (parts.length !== 2) {
  throw new Error(`${file} has ${parts.length - 1} places with the text of mutation ${JSON.stringify(name)}:\n${find}`);
}
const url = pathToFileURL(path).href;
registerHooks({
  load(loaded, context, next) {
    if (loaded !== url) return next(loaded, context);
    return { format: "module-typescript", source: parts.join(replace), shortCircuit: true };
  },
});

const { simulate } = await import("./simulate.ts");
console.log(JSON.stringify(await search(Number(limit))));

async function search(seeds: number): Promise<Finding> {
  for (let seed = 1; seed <= seeds; seed++) {
    const { violation } = await simulate(seed);
    if (violation !== null) return { seeds: seed, invariant: violation.invariant, message: violation.message };
  }
  return { seeds: null, invariant: null, message: "" };
}
