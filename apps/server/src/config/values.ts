/** The kinds of values that a configuration key may have: what each takes, and what it says about anything else. */
import { resolve } from "node:path";
import { TaskerError } from "@tasker/engine";
import { readEndpoint } from "@tasker/executors/endpoints";

/** A value as it was written. */
export interface RawValue {
  /** Text from a flag or the environment; from a file also a number, a boolean, null, or a list where the kind takes one. */
  readonly value: unknown;
  /** Relative paths are relative to this: the working folder, or the folder of the file. */
  readonly folder: string;
  /** Where it was written, for messages. */
  readonly place: string;
}

/** How a kind of value is read and described. */
export interface ValueKind<T> {
  /** A file may give a list. */
  readonly takesList?: boolean;
  /** What may be written, for the reference and for messages: "an integer from 1 to 10". */
  readonly expected: string;
  /** @throws WrongValue */
  read(raw: RawValue): T;
}

/** The value cannot be used. `notAllowed`: it can be read, but would open the orchestrator to strangers. */
export class WrongValue extends Error {
  readonly hint: string | null;
  readonly notAllowed: boolean;

  constructor(message: string, options: { hint?: string; notAllowed?: boolean } = {}) {
    super(message);
    this.hint = options.hint ?? null;
    this.notAllowed = options.notAllowed ?? false;
  }
}

export function integer(min: number, max: number): ValueKind<number> {
  const expected = `an integer from ${min} to ${max}`;
  return {
    expected,
    read({ value }) {
      const number = typeof value === "string" && /^-?\d{1,16}$/.test(value.trim()) ? Number(value) : value;
      if (typeof number === "number" && Number.isInteger(number) && number >= min && number <= max) return number;
      throw new WrongValue(`expected ${expected}, found ${describe(value)}`);
    },
  };
}

export function choice<const T extends string>(...names: readonly T[]): ValueKind<T> {
  const expected = `one of ${names.join(", ")}`;
  return {
    expected,
    read({ value }) {
      const found = names.find((name) => name === value);
      if (found !== undefined) return found;
      throw new WrongValue(`expected ${expected}, found ${describe(value)}`);
    },
  };
}

export const yesOrNo: ValueKind<boolean> = {
  expected: "true or false",
  read({ value }) {
    if (value === true || value === "true") return true;
    if (value === false || value === "false") return false;
    throw new WrongValue(`expected true or false, found ${describe(value)}`);
  },
};

export const plainName: ValueKind<string> = {
  expected: "a name of letters, digits, `_`, `-` and `.`",
  read({ value }) {
    if (typeof value === "string" && /^\w[\w.-]{0,63}$/.test(value)) return value;
    throw new WrongValue(`expected ${this.expected}, found ${describe(value)}`);
  },
};

/** Answers with the absolute path. */
export const folder: ValueKind<string> = {
  expected: "the path of a folder",
  read({ value, folder }) {
    if (typeof value === "string" && value !== "") return resolve(folder, value);
    throw new WrongValue(`expected the path of a folder, found ${describe(value)}`);
  },
};

/** Answers with the absolute path. */
export const databaseFile: ValueKind<string> = {
  expected: "the path of a file",
  read({ value, folder }) {
    if (typeof value !== "string" || value === "") {
      throw new WrongValue(`expected the path of a file, found ${describe(value)}`);
    }
    if (value === ":memory:") {
      throw new WrongValue("a database in memory would lose what was acknowledged", {
        hint: "Give the path of a file.",
      });
    }
    const scheme = /^([a-z][a-z\d+.-]*):\/\//i.exec(value)?.[1];
    if (scheme === undefined) return resolve(folder, value);
    const known = /^postgres(ql)?$/i.test(scheme) ? "this version has only the embedded database" : "that is a URL";
    throw new WrongValue(`expected the path of a file, found ${describe(value)}: ${known}`, {
      hint: "Give the path of a file, e.g. .tasker/tasker.db.",
    });
  },
};

export interface Address {
  /** As written; an IPv6 address without its brackets. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

/** HOST:PORT on this machine only: there is no authentication yet, so nothing else is let in. */
export const loopbackAddress: ValueKind<Address> = {
  expected: "HOST:PORT on a loopback address",
  read({ value }) {
    const [, bracketed, plain, port] = /^(?:\[([\da-fA-F:]+)\]|([^:/[\]\s]+)):(\d{1,5})$/.exec(String(value)) ?? [];
    const host = bracketed ?? plain;
    if (typeof value !== "string" || host === undefined || Number(port) > 65_535) {
      const written = /\b(\d{1,5})\/?$/.exec(String(value))?.[1] ?? "8480";
      throw new WrongValue(`expected HOST:PORT, found ${describe(value)}`, {
        hint: Number(written) > 65_535 ? "Ports end at 65535." : `Write it like 127.0.0.1:${written}.`,
      });
    }
    if (isLoopback(host)) return { host, port: Number(port) };
    throw new WrongValue(`${value} would let everybody who reaches this machine submit and cancel tasks`, {
      hint: `Use 127.0.0.1:${port}, behind a proxy that authenticates if others must reach it.`,
      notAllowed: true,
    });
  },
};

function isLoopback(host: string): boolean {
  return /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host) || host === "localhost" || host === "::1";
}

/** The text of an endpoint, not judged before the other keys are known: see `checkEndpoint`. Ipc paths become absolute. */
export const endpoint: ValueKind<EndpointText> = {
  expected: "ipc://PATH, tcp://HOST:PORT or inproc://NAME",
  read({ value, folder, place }) {
    if (typeof value !== "string") throw new WrongValue(`expected ${this.expected}, found ${describe(value)}`);
    const path = /^ipc:\/\/([^@/].*)$/s.exec(value)?.[1];
    return { text: path === undefined ? value : `ipc://${resolve(folder, path)}`, place };
  },
};

/** One or several of them: a list in a file, separated by commas elsewhere. */
export const endpoints: ValueKind<readonly EndpointText[]> = {
  takesList: true,
  expected: "an endpoint, or several: a list in a file, separated by commas elsewhere",
  read(raw) {
    const values: readonly unknown[] = Array.isArray(raw.value) ? raw.value : String(raw.value ?? "").split(",");
    return values.map((value) => endpoint.read({ ...raw, value: typeof value === "string" ? value.trim() : value }));
  },
};

export interface EndpointText {
  readonly text: string;
  readonly place: string;
}

/**
 * @throws WrongValue when it is no endpoint, its path is too long for a socket, or it would let strangers in
 */
export function checkEndpoint(text: string, allowInsecureTcp: boolean): void {
  asWrongValue(false, () => readEndpoint(text, "", true));
  asWrongValue(true, () => readEndpoint(text, "", allowInsecureTcp));
}

function asWrongValue(notAllowed: boolean, check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof TaskerError)) throw error;
    throw new WrongValue(error.message.replace(/^: /, ""), { hint: error.hint, notAllowed });
  }
}

/** A wrong value as a message shows it: short, on one line. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a section";
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}
