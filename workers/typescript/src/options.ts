/** A worker's settings: what the program says, else the environment, else the defaults. The only reader of the environment. */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { type Codec, codecs } from "@tasker/protocol";
import { filterLog, jsonLinesLogger, type Logger, type LogLevel, logLevels } from "./log.ts";
import type { Endpoints } from "./session/sockets.ts";

export interface WorkerOptions {
  /** Where orchestrators publish steps, e.g. `ipc:///run/tasker/steps.sock`; several in a list or separated by commas. `TASKER_STEPS_ENDPOINT`. */
  readonly stepsEndpoint?: string | readonly string[];
  /** Where they take results, in the same order. `TASKER_RESULTS_ENDPOINT`. */
  readonly resultsEndpoint?: string | readonly string[];
  /** Names this process to people, and nobody else at the same time. `TASKER_WORKER_ID`; else made of host, process and chance. */
  readonly workerId?: string;
  /** Workers that are interchangeable. `TASKER_POOL`, else `default`. */
  readonly pool?: string;
  /** Steps that run at once. `TASKER_CONCURRENCY`, else 100. */
  readonly concurrency?: number;
  /** How it would rather write messages; payloads are JSON either way. `TASKER_CODEC`, else `json`. */
  readonly codec?: Codec;
  /** Version of the handlers, for people. */
  readonly version?: string;
  /** How long running handlers may take after `stop` or SIGTERM; 30,000. */
  readonly drainMs?: number;
  /** How long, after that, results may wait for their acks; 5,000. */
  readonly flushMs?: number;
  /** Takes the logs; else JSON lines on stderr. */
  readonly logger?: Logger;
  /** `TASKER_LOG_LEVEL`, else `info`. At `debug` there are lines for every step. */
  readonly logLevel?: LogLevel;
}

export interface WorkerSettings {
  readonly orchestrators: readonly Endpoints[];
  readonly workerId: string;
  readonly pool: string;
  readonly concurrency: number;
  readonly codec: Codec;
  readonly version: string;
  readonly drainMs: number;
  readonly flushMs: number;
  readonly log: Logger;
  readonly logLevel: LogLevel;
}

const legalWorkerId = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;
/** So that leases that run and results that wait fit into one heartbeat. */
const mostConcurrency = 5_000;
const maxVersionChars = 128;

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws TypeError that names the setting, what was expected, and what was there */
export function readOptions(options: WorkerOptions, env: Environment = process.env): WorkerSettings {
  const steps = readEndpoints(options.stepsEndpoint ?? env.TASKER_STEPS_ENDPOINT, "TASKER_STEPS_ENDPOINT");
  const results = readEndpoints(options.resultsEndpoint ?? env.TASKER_RESULTS_ENDPOINT, "TASKER_RESULTS_ENDPOINT");
  if (steps.length !== results.length) {
    throw new TypeError(
      `TASKER_STEPS_ENDPOINT names ${steps.length} orchestrators and TASKER_RESULTS_ENDPOINT ${results.length}; give one of each for every orchestrator, in the same order`,
    );
  }
  const logLevel = readOneOf(options.logLevel ?? env.TASKER_LOG_LEVEL ?? "info", logLevels, "TASKER_LOG_LEVEL");
  return {
    orchestrators: steps.map((endpoint, index) => ({ steps: endpoint, results: results[index]! })),
    workerId: readName(options.workerId ?? (env.TASKER_WORKER_ID || inventWorkerId()), "TASKER_WORKER_ID"),
    pool: readName(options.pool ?? (env.TASKER_POOL || "default"), "TASKER_POOL"),
    concurrency: readConcurrency(options.concurrency ?? (env.TASKER_CONCURRENCY || 100)),
    codec: readOneOf(options.codec ?? (env.TASKER_CODEC || "json"), codecs, "TASKER_CODEC"),
    version: (options.version ?? "").slice(0, maxVersionChars),
    drainMs: readDuration(options.drainMs ?? 30_000, "drainMs"),
    flushMs: readDuration(options.flushMs ?? 5_000, "flushMs"),
    log: filterLog(options.logger ?? jsonLinesLogger(), logLevel),
    logLevel,
  };
}

function readEndpoints(value: string | readonly string[] | undefined, name: string): string[] {
  const list = (typeof value === "string" ? value.split(",") : [...(value ?? [])]).map((text) => text.trim());
  const endpoints = list.filter((text) => text !== "");
  if (endpoints.length === 0) {
    throw new TypeError(`${name} is not set: give the orchestrator's endpoint, as its ready line prints it`);
  }
  for (const endpoint of endpoints) {
    if (!/^(ipc|tcp|inproc):\/\/\S+$/.test(endpoint)) {
      throw new TypeError(
        `${name}: expected ipc://PATH, tcp://HOST:PORT or inproc://NAME, got ${JSON.stringify(endpoint)}`,
      );
    }
  }
  return endpoints;
}

function readName(value: string, name: string): string {
  if (legalWorkerId.test(value)) return value;
  throw new TypeError(
    `${name}: expected 1 to 128 letters, digits and ._:- that begin with a letter or digit, got ${JSON.stringify(value)}`,
  );
}

function readConcurrency(value: number | string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= 1 && number <= mostConcurrency) return number;
  throw new TypeError(`TASKER_CONCURRENCY: expected an integer from 1 to ${mostConcurrency}, got ${value}`);
}

function readDuration(value: number, name: string): number {
  if (value >= 0 && value <= 2 ** 31 - 1) return value;
  throw new TypeError(`${name}: expected milliseconds from 0 to ${2 ** 31 - 1}, got ${value}`);
}

function readOneOf<T extends string>(value: string, names: readonly T[], setting: string): T {
  if (names.includes(value as T)) return value as T;
  throw new TypeError(`${setting}: expected one of ${names.join(", ")}, got ${JSON.stringify(value)}`);
}

/** A restart is another worker; the leases of the one before are revoked within seconds. */
function inventWorkerId(): string {
  const host = hostname()
    .replace(/[^A-Za-z0-9._:-]/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "");
  return `${(host || "worker").slice(0, 80)}-${process.pid}-${randomBytes(2).toString("hex")}`;
}
