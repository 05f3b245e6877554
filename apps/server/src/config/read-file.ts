/** Reads a configuration file into values with their places. Finds unknown keys and says which was probably meant. */
import { readFileSync } from "node:fs";
import { nearest } from "@tasker/engine";
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type YAMLMap } from "yaml";
import { type KeyName, keyNames, keyOf } from "./keys.ts";
import type { ConfigProblem } from "./problems.ts";
import { describe } from "./values.ts";

export interface FileValue {
  readonly name: KeyName;
  readonly value: unknown;
  /** `tasker.yaml:3:5` */
  readonly place: string;
}

export interface FileContent {
  readonly values: readonly FileValue[];
  readonly problems: readonly ConfigProblem[];
}

const sections = [...new Set(keyNames.filter((name) => name.includes(".")).map((name) => name.split(".")[0]!))];

/** @param shown the file's name in messages */
export function readConfigFile(path: string, shown: string): FileContent {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const reason =
      (error as NodeJS.ErrnoException).code === "ENOENT" ? "there is no such file" : (error as Error).message;
    return { values: [], problems: [{ place: shown, message: reason, hint: "Give the path of a YAML file." }] };
  }
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    logLevel: "silent",
  });
  const placeAt = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${shown}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    const problems = document.errors.map(({ pos, message }) => ({
      place: placeAt(pos[0]),
      message: `not valid YAML: ${message}`,
    }));
    return { values: [], problems };
  }
  const reader = new FileReader(placeAt);
  if (isMap(document.contents)) reader.section(document.contents, "");
  else if (document.contents !== null) {
    reader.problems.push({ place: placeAt(0), message: "expected a map of keys" });
  }
  return reader;
}

class FileReader implements FileContent {
  readonly values: FileValue[] = [];
  readonly problems: ConfigProblem[] = [];
  readonly #placeAt: (offset: number) => string;

  constructor(placeAt: (offset: number) => string) {
    this.#placeAt = placeAt;
  }

  /** @param prefix empty, or the section's name and a dot */
  section(map: YAMLMap, prefix: string): void {
    for (const { key, value } of map.items) {
      const offset = (key as { range?: [number, number, number] }).range?.[0] ?? 0;
      const name = prefix + (isScalar(key) ? String(key.value) : "?");
      if (prefix === "" && sections.includes(name)) this.#enter(value, name, offset);
      else if (isKeyName(name)) this.#take(name, value, offset);
      else this.problems.push({ place: this.#placeAt(offset), ...unknownKey(name) });
    }
  }

  #enter(value: unknown, name: string, offset: number): void {
    if (isMap(value)) this.section(value, `${name}.`);
    else if (!isScalar(value) || value.value !== null) {
      this.problems.push({ place: this.#placeAt(offset), message: `expected a section of keys under ${name}` });
    }
  }

  #take(name: KeyName, value: unknown, offset: number): void {
    const place = this.#placeAt(offset);
    if (isScalar(value)) this.values.push({ name, value: value.value, place });
    else if (value === null) this.values.push({ name, value: null, place });
    else if (isSeq(value) && keyOf(name).kind.takesList) this.values.push({ name, value: value.toJSON(), place });
    else
      this.problems.push({
        place,
        message: `${name}: expected a single value, found ${isMap(value) ? "a section" : describe([])}`,
      });
  }
}

function isKeyName(name: string): name is KeyName {
  return (keyNames as readonly string[]).includes(name);
}

/** Names the key that was probably meant: a slip, or the right name in the wrong section. */
function unknownKey(name: string): { message: string; suggestion?: string; hint: string } {
  const last = name.slice(name.indexOf(".") + 1);
  const moved = keyNames.find((known) => known === last || known.endsWith(`.${last}`));
  const suggestion = moved ?? nearest(name, [...keyNames, ...sections]) ?? nearestLast(last);
  const message = `unknown key ${name}`;
  const hint = "`tasker config print` shows every key.";
  return suggestion === undefined ? { message, hint } : { message, suggestion, hint };
}

function nearestLast(last: string): string | undefined {
  const found = nearest(
    last,
    keyNames.map((name) => name.slice(name.indexOf(".") + 1)),
  );
  return found === undefined ? undefined : keyNames.find((name) => name === found || name.endsWith(`.${found}`));
}
