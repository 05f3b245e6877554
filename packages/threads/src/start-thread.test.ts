import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const program = fileURLToPath(new URL("./testdata/start-threads.ts", import.meta.url));

/** @returns what V8 said of each time that it collected WebAssembly code of several threads together */
async function collections(how: string): Promise<string[]> {
  const flags = ["--no-warnings", "--trace-wasm-code-gc", "--stress-wasm-code-gc"];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, program, how]);
  return stdout.split("\n").filter((line) => /outstanding isolates: [2-9]/.test(line));
}

it("keeps V8 from collecting WebAssembly code, which it does across all threads", async () => {
  expect(await collections("plainly")).not.toEqual([]);
  expect(await collections("startThread")).toEqual([]);
});
