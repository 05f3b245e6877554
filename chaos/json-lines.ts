/** Logs of JSON lines: appended by whoever writes them, read whole by the auditor. */
import { appendFileSync, existsSync, readFileSync } from "node:fs";

export function appendLine(file: string, line: object): void {
  appendFileSync(file, `${JSON.stringify(line)}\n`);
}

/** A last line that its writer was killed in the middle of is left out; there is none if there is no file. */
export function readLines<T>(file: string): T[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  lines.pop();
  return lines.map((line) => JSON.parse(line) as T);
}
