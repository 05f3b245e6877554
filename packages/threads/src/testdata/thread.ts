/** Enough TypeScript for the code that takes the types out to be compiled a second time, which leaves garbage. */
import { stripTypeScriptTypes } from "node:module";

const source = "export function add(a: number, b: number): number {\n  return a + b;\n}\n".repeat(200);
for (let round = 0; round < 10; round++) stripTypeScriptTypes(source);
