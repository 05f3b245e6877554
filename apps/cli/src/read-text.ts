/** Text from files and stdin, as it is: bytes that are not UTF-8 are refused, since replacing them would change them. */
import { isUtf8 } from "node:buffer";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { usageError } from "./command-error.ts";
import type { Shell } from "./shell.ts";

/**
 * @param name a path, or `-` for stdin
 * @throws CommandError when it cannot be read, or is not UTF-8
 */
export async function readText(shell: Shell, name: string): Promise<string> {
  const bytes = name === "-" ? await shell.readInput() : await readBytes(resolve(shell.cwd, name), name);
  if (!isUtf8(bytes)) throw usageError(`${shown(name)} is not UTF-8`, "Save it in UTF-8 and try again.");
  // A byte order mark is no part of the text.
  return new TextDecoder().decode(bytes);
}

/** The name of a file in messages. */
export function shown(name: string): string {
  return name === "-" ? "stdin" : name;
}

async function readBytes(path: string, name: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === "ENOENT" ? "there is no such file" : code === "EISDIR" ? "it is a folder" : message;
    throw usageError(`${name} cannot be read: ${reason}`, "Give the path of a file, or - for stdin.");
  }
}
