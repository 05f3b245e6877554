/**
 * The settings of the orchestrator: the only reader of the environment. A flag wins over `TASKER_*`, that over the file,
 * that over the default; an unknown key is an error wherever it stands. Everything is checked here once.
 */
import { existsSync, statSync } from "node:fs";
import { basename, dirname, extname, join, resolve } from "node:path";
import { nearest } from "@tasker/engine";
import { type ConfigValues, configKeys, envName, type KeyName, keyNames, keyOf } from "./config/keys.ts";
import { ConfigError, type ConfigProblem } from "./config/problems.ts";
import { readConfigFile } from "./config/read-file.ts";
import { type Address, checkEndpoint, type EndpointText, type RawValue, WrongValue } from "./config/values.ts";
import type { LogLevel } from "./log.ts";

export { ConfigError, type ConfigProblem } from "./config/problems.ts";
export type { Address } from "./config/values.ts";

/** What the server runs with: paths are absolute, durations in milliseconds, everything checked. */
export interface ServerConfig {
  /** A loopback address; port 0 takes a free one. */
  readonly http: Address;
  /** File of the embedded database. */
  readonly database: string;
  /** Folder whose templates are applied at the start, or null. */
  readonly templates: string | null;
  readonly environment: string;
  readonly logLevel: LogLevel;
  readonly leaseGraceMs: number;
  readonly drainMs: number;
  readonly diskWarningBytes: number;
  readonly limits: {
    readonly maxContextBytes: number;
    readonly maxOutputBytes: number;
    readonly maxStepsPerTask: number;
    readonly maxBulkTasks: number;
    readonly maxPendingSubmissions: number;
    readonly maxPendingSubmissionBytes: number;
    readonly maxPendingResults: number;
    readonly maxPendingResultBytes: number;
    readonly maxErrorBytes: number;
    readonly maxMessageBytes: number;
    readonly maxSessions: number;
    readonly maxDeclaredLeases: number;
    readonly maxPlainWorkers: number;
    readonly maxSubscriptions: number;
    readonly maxSubscriptionsPerSecond: number;
    readonly maxBodyBytes: number;
    readonly maxPendingBodyBytes: number;
    readonly maxTemplateBytes: number;
    readonly maxTags: number;
    readonly maxPageItems: number;
    readonly maxStreams: number;
    readonly streamBufferBytes: number;
    readonly streamStallMs: number;
    readonly payloadCacheBytes: number;
  };
  readonly stepExecution: {
    /** The orchestrator binds here and publishes steps (seed: `rust_step_publisher`). */
    readonly steps: string;
    /** The orchestrator binds here and receives results (seed: `rust_result_subscriber`). */
    readonly results: string;
    /** Where plain 1.0 workers bind their PUB; the orchestrator connects to each. */
    readonly connectResults: readonly string[];
    /** Where workers connect for steps when that is another name than `steps`; else null. */
    readonly workerSteps: string | null;
    readonly batchSize: number;
    /** Of an attempt whose template sets none. */
    readonly resultTimeoutMs: number;
    readonly stepQueueHwm: number;
    readonly resultQueueHwm: number;
    readonly allowInsecureTcp: boolean;
  };
  /** Legal, but probably not what was wanted. One sentence each; for the log. */
  readonly warnings: readonly string[];
}

/** Where a value comes from: `default`, `--http`, `TASKER_HTTP`, `tasker.yaml:3:1`. */
export interface Setting {
  readonly key: KeyName;
  /** As it is used; an endpoint or address as text. */
  readonly value: string | number | boolean | null;
  readonly source: string;
}

export interface ConfigSources {
  /** Flags by key, e.g. `{ "http": "127.0.0.1:0" }`, and `config` for the file. Undefined: not given. */
  readonly flags: Readonly<Partial<Record<KeyName | "config", string | undefined>>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute. */
  readonly cwd: string;
  /** Where this command has other defaults than the table. */
  readonly defaults?: Readonly<Partial<Record<KeyName, string>>>;
}

/** The file that is read when it is there and no other is named. */
export const defaultConfigFile = "tasker.yaml";

/** @throws ConfigError with every problem found */
export function loadConfig(sources: ConfigSources): ServerConfig {
  return readConfig(sources).config;
}

/** The configuration, and each key with its source. @throws ConfigError with every problem found */
export function readConfig(sources: ConfigSources): { config: ServerConfig; settings: readonly Setting[] } {
  const problems: ConfigProblem[] = [];
  const raw = gather(sources, problems);
  const values = readValues(raw, problems);
  if (values === null || problems.length > 0) throw new ConfigError(problems);
  const config = toServerConfig(values, raw, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  return { config, settings: settingsOf(config, values, raw) };
}

type RawValues = ReadonlyMap<KeyName, RawValue>;

/** The strongest source of each key. */
function gather(sources: ConfigSources, problems: ConfigProblem[]): RawValues {
  const { flags, env, cwd, defaults = {} } = sources;
  const raw = new Map<KeyName, RawValue>();
  for (const name of keyNames) {
    const value = defaults[name] ?? keyOf(name).default;
    if (value !== null) raw.set(name, { value, folder: cwd, place: "default" });
  }
  gatherFile(sources, raw, problems);
  problems.push(...unknownVariables(env));
  for (const name of keyNames) {
    const variable = envName(name);
    // An empty variable is an unset one: that is how a shell or a container file leaves one out.
    if (env[variable]) raw.set(name, { value: env[variable], folder: cwd, place: variable });
    if (flags[name] !== undefined) raw.set(name, { value: flags[name], folder: cwd, place: `--${keyOf(name).flag}` });
  }
  return raw;
}

function gatherFile({ flags, env, cwd }: ConfigSources, raw: Map<KeyName, RawValue>, problems: ConfigProblem[]): void {
  const named = flags.config ?? (env.TASKER_CONFIG || undefined);
  const path = resolve(cwd, named ?? defaultConfigFile);
  if (named === undefined && !existsSync(path)) return;
  const content = readConfigFile(path, named ?? defaultConfigFile);
  problems.push(...content.problems);
  for (const { name, value, place } of content.values) {
    if (value === null && keyOf(name).default === null) raw.delete(name);
    else raw.set(name, { value, folder: dirname(path), place });
  }
}

/** Of the command line and of workers, which may share an environment with the server. */
const otherVariables = [
  "TASKER_CONFIG",
  "TASKER_URL",
  "TASKER_STEPS_ENDPOINT",
  "TASKER_RESULTS_ENDPOINT",
  "TASKER_WORKER_ID",
  "TASKER_POOL",
  "TASKER_CONCURRENCY",
  "TASKER_CODEC",
  "TASKER_CURVE_SERVER_KEY",
  "TASKER_CURVE_PUBLIC_KEY",
  "TASKER_CURVE_SECRET_KEY",
];

/** Kubernetes puts these into every container beside a service named `tasker`. */
const serviceLink = /^TASKER(_[A-Z\d]+)*_(SERVICE_HOST|SERVICE_PORT\w*|PORT|PORT_\d+_(TCP|UDP)\w*)$/;

function unknownVariables(env: ConfigSources["env"]): ConfigProblem[] {
  const known = [...keyNames.map(envName), ...otherVariables];
  return Object.keys(env)
    .filter((name) => name.startsWith("TASKER_") && !known.includes(name) && !serviceLink.test(name))
    .map((name) => {
      const suggestion = nearest(name, known);
      const problem = { place: name, message: "unknown variable", hint: "`tasker config print` shows every key." };
      return suggestion === undefined ? problem : { ...problem, suggestion };
    });
}

function readValues(raw: RawValues, problems: ConfigProblem[]): ConfigValues | null {
  const values: Partial<Record<KeyName, unknown>> = {};
  for (const name of keyNames) {
    const given = raw.get(name);
    values[name] = given === undefined ? null : noting(problems, name, given, () => keyOf(name).kind.read(given));
  }
  return problems.length > 0 ? null : (values as ConfigValues);
}

/** Runs a check and keeps what it refuses, with the place. */
function noting<T>(
  problems: ConfigProblem[],
  name: KeyName,
  { place }: { place: string },
  read: () => T,
): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof WrongValue)) throw error;
    const message = place.startsWith("--") ? error.message : `${name}: ${error.message}`;
    problems.push({ place, message, hint: error.hint, notAllowed: error.notAllowed });
    return undefined;
  }
}

function toServerConfig(values: ConfigValues, raw: RawValues, problems: ConfigProblem[]): ServerConfig {
  const warnings: string[] = [];
  checkTemplatesFolder(values, raw, problems);
  return {
    http: values.http,
    database: values.database,
    templates: values.templates,
    environment: values.environment,
    logLevel: values.log_level,
    leaseGraceMs: values.lease_grace_ms,
    drainMs: values.drain_ms,
    diskWarningBytes: values.disk_warning_bytes,
    limits: {
      maxContextBytes: values["limits.max_context_bytes"],
      maxOutputBytes: values["limits.max_output_bytes"],
      maxStepsPerTask: values["limits.max_steps_per_task"],
      maxBulkTasks: values["limits.max_bulk_tasks"],
      maxPendingSubmissions: values["limits.max_pending_submissions"],
      maxPendingSubmissionBytes: values["limits.max_pending_submission_bytes"],
      maxPendingResults: values["limits.max_pending_results"],
      maxPendingResultBytes: values["limits.max_pending_result_bytes"],
      maxErrorBytes: values["limits.max_error_bytes"],
      maxMessageBytes: values["limits.max_message_bytes"],
      maxSessions: values["limits.max_sessions"],
      maxDeclaredLeases: values["limits.max_declared_leases"],
      maxPlainWorkers: values["limits.max_plain_workers"],
      maxSubscriptions: values["limits.max_subscriptions"],
      maxSubscriptionsPerSecond: values["limits.max_subscriptions_per_second"],
      maxBodyBytes: values["limits.max_body_bytes"],
      maxPendingBodyBytes: values["limits.max_pending_body_bytes"],
      maxTemplateBytes: values["limits.max_template_bytes"],
      maxTags: values["limits.max_tags"],
      maxPageItems: values["limits.max_page_items"],
      maxStreams: values["limits.max_streams"],
      streamBufferBytes: values["limits.stream_buffer_bytes"],
      streamStallMs: values["limits.stream_stall_ms"],
      payloadCacheBytes: values["limits.payload_cache_bytes"],
    },
    stepExecution: {
      ...endpointsOf(values, problems, warnings),
      batchSize: values["step_execution.batch_size"],
      resultTimeoutMs: values["step_execution.result_timeout_ms"],
      stepQueueHwm: values["step_execution.step_queue_hwm"],
      resultQueueHwm: values["step_execution.result_queue_hwm"],
      allowInsecureTcp: values["step_execution.allow_insecure_tcp"],
    },
    warnings,
  };
}

function checkTemplatesFolder({ templates }: ConfigValues, raw: RawValues, problems: ConfigProblem[]): void {
  if (templates === null || statSync(templates, { throwIfNoEntry: false })?.isDirectory()) return;
  noting(problems, "templates", raw.get("templates")!, () => {
    throw new WrongValue(`there is no folder ${templates}`, { hint: "Give the path of a folder with templates." });
  });
}

type Endpoints = Pick<ServerConfig["stepExecution"], "steps" | "results" | "connectResults" | "workerSteps">;

function endpointsOf(values: ConfigValues, problems: ConfigProblem[], warnings: string[]): Endpoints {
  const insecure = values["step_execution.allow_insecure_tcp"];
  const bound = (name: KeyName & `step_execution.rust_${string}`, given: EndpointText | null, socket: string) => {
    const used = given ?? { text: besideDatabase(values.database, socket), place: "default" };
    noting(problems, name, used, () => checkBound(used.text, insecure, name));
    if (used.text.startsWith("inproc://")) warnings.push(inprocWarning(name, used));
    return used.text;
  };
  const steps = bound("step_execution.rust_step_publisher", values["step_execution.rust_step_publisher"], "steps");
  const results = bound(
    "step_execution.rust_result_subscriber",
    values["step_execution.rust_result_subscriber"],
    "results",
  );
  if (steps === results && !isAnyPort(steps)) {
    const place = values["step_execution.rust_result_subscriber"]?.place ?? "default";
    problems.push({ place, message: `steps and results are both ${steps}`, hint: "Give each its own endpoint." });
  }
  const workerSteps = values["step_execution.handler_step_subscriber"]?.text ?? steps;
  const publishers = (values["step_execution.handler_result_publisher"] ?? []).filter(
    ({ text }) => !text.startsWith("inproc://") && !isSameEndpoint(text, results),
  );
  for (const publisher of publishers) {
    noting(problems, "step_execution.handler_result_publisher", publisher, () =>
      checkEndpoint(publisher.text, insecure),
    );
  }
  const connectResults = publishers.map(({ text }) => text);
  return { steps, results, connectResults, workerSteps: workerSteps === steps ? null : workerSteps };
}

/** The message of a default path that is too long names the flag that makes it shorter. */
function checkBound(text: string, allowInsecureTcp: boolean, name: KeyName): void {
  try {
    checkEndpoint(text, allowInsecureTcp);
  } catch (error) {
    if (!(error instanceof WrongValue) || !text.startsWith("ipc://")) throw error;
    const flag = keyOf(name).flag!;
    const hint = `${error.hint} For example: --${flag} ipc:///tmp/tasker-${flag}.sock`;
    throw new WrongValue(error.message, { hint, notAllowed: error.notAllowed });
  }
}

/** Two databases in one folder do not share sockets: those of `other.db` are `other.steps.sock`, ... */
function besideDatabase(database: string, socket: string): string {
  const stem = basename(database, extname(database));
  const standard = basename(configKeys.database.default, extname(configKeys.database.default));
  return `ipc://${join(dirname(database), stem === standard ? `${socket}.sock` : `${stem}.${socket}.sock`)}`;
}

function inprocWarning(name: KeyName, { text, place }: EndpointText): string {
  return `${place}: ${name} is ${text}, which exists in this process only: workers in other processes cannot connect. Use ipc:// or tcp://.`;
}

/** Two such endpoints are not the same one: each takes a free port. */
function isAnyPort(endpoint: string): boolean {
  return /^tcp:.*:(\*|0)$/.test(endpoint);
}

/** `tcp://*:5556` is what workers reach as `tcp://127.0.0.1:5556`: not another endpoint to connect to. */
function isSameEndpoint(a: string, bound: string): boolean {
  const everywhere = /^tcp:\/\/(?:\*|0\.0\.0\.0|\[::\]):(\d+)$/.exec(bound)?.[1];
  return a === bound || (everywhere !== undefined && a.startsWith("tcp://") && a.endsWith(`:${everywhere}`));
}

function settingsOf(config: ServerConfig, values: ConfigValues, raw: RawValues): Setting[] {
  const { steps, results, workerSteps } = config.stepExecution;
  const derived: Partial<Record<KeyName, string>> = {
    http: addressText(config.http),
    "step_execution.rust_step_publisher": steps,
    "step_execution.rust_result_subscriber": results,
    "step_execution.handler_step_subscriber": workerSteps ?? steps,
    "step_execution.handler_result_publisher":
      values["step_execution.handler_result_publisher"]?.map(({ text }) => text).join(",") ?? results,
  };
  return keyNames.map((key) => ({
    key,
    value: derived[key] ?? (values[key] as Setting["value"]),
    source: raw.get(key)?.place ?? "default",
  }));
}

/** HOST:PORT, an IPv6 host in brackets. */
export function addressText({ host, port }: Address): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
