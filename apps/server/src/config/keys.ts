/**
 * Every key of the configuration, once: what it takes, its default, what it does. Parsing, `tasker config print` and
 * docs/reference/configuration.md all read this table.
 */
import {
  choice,
  databaseFile,
  endpoint,
  endpoints,
  folder,
  integer,
  loopbackAddress,
  plainName,
  type ValueKind,
  yesOrNo,
} from "./values.ts";

export interface ConfigKey<T> {
  readonly kind: ValueKind<T>;
  /** As it would be written; null: nothing, or it follows from other keys (`defaultMeaning`). */
  readonly default: string | number | boolean | null;
  /** Says what a null default means. */
  readonly defaultMeaning?: string;
  /** The flag of `tasker server` and `tasker dev`, if it has one. */
  readonly flag?: string;
  /** Only where it is not `TASKER_` and the key. */
  readonly env?: string;
  readonly does: string;
}

const kib = 1024;
const mib = 1024 * kib;
const hour = 3_600_000;

export const configKeys = {
  http: key(loopbackAddress, {
    default: "127.0.0.1:8480",
    flag: "http",
    does: "Where the HTTP API listens. Port 0 takes a free one. Other than loopback addresses are refused: there is no authentication yet.",
  }),
  database: key(databaseFile, {
    default: ".tasker/tasker.db",
    flag: "database",
    does: "The file of the embedded database. Its folder is made (mode 0700) if it is not there.",
  }),
  templates: key(folder, {
    default: null,
    defaultMeaning: "none",
    flag: "templates",
    does: "A folder whose templates (*.yaml, *.yml, folders below it included) are applied at the start.",
  }),
  environment: key(plainName, {
    default: "development",
    env: "TASKER_ENV",
    does: "Which section of a template's `environments` holds.",
  }),
  log_level: key(choice("debug", "info", "warn", "error", "silent"), {
    default: "info",
    flag: "log-level",
    does: "The least important line of the log (JSON lines on stderr). `debug` has a line for every leased and answered step.",
  }),
  lease_grace_ms: key(integer(0, hour), {
    default: 10_000,
    does: "After a start, how long workers may take to declare the steps that they hold before those run again.",
  }),
  drain_ms: key(integer(0, hour), {
    default: 2_000,
    does: "How long a graceful stop waits for messages and replies that are on their way.",
  }),
  disk_warning_bytes: key(integer(0, 1024 * 1024 * mib), {
    default: 512 * mib,
    does: "With less free space than this on the database's disk the log says so (`disk.low`). 0: never.",
  }),
  "limits.max_context_bytes": key(integer(kib, 256 * mib), {
    default: 4 * mib,
    does: "The context of one task; a larger one is refused.",
  }),
  "limits.max_output_bytes": key(integer(kib, 256 * mib), {
    default: 4 * mib,
    does: "The output of one step; with a larger one the attempt fails.",
  }),
  "limits.max_steps_per_task": key(integer(1, 1_000_000), {
    default: 10_000,
    does: "Steps of one template; one with more is refused.",
  }),
  "limits.max_bulk_tasks": key(integer(1, 100_000), {
    default: 1_000,
    does: "Tasks in one call of `POST /v1/tasks/bulk`.",
  }),
  "limits.max_pending_submissions": key(integer(1, 10_000_000), {
    default: 10_000,
    does: "Submitted tasks that wait to be stored; beyond it submissions are answered with 503 `overloaded`.",
  }),
  "limits.max_pending_submission_bytes": key(integer(kib, 64 * 1024 * mib), {
    default: 256 * mib,
    does: "Contexts of submitted tasks that wait to be stored; once so many wait, further submissions are answered with 503 `overloaded`.",
  }),
  "limits.max_pending_results": key(integer(1, 10_000_000), {
    default: 20_000,
    does: "Results and other news of workers that wait for a turn; at so many nothing is read from workers until turns have caught up.",
  }),
  "limits.max_pending_result_bytes": key(integer(kib, 64 * 1024 * mib), {
    default: 64 * mib,
    does: "The same, by the length of their payloads.",
  }),
  "limits.max_error_bytes": key(integer(kib, 16 * mib), {
    default: 64 * kib,
    does: "The error of one step; a larger one is shortened.",
  }),
  "limits.max_message_bytes": key(integer(64 * kib, 512 * mib), {
    default: 16 * mib,
    does: "One message of a worker; whoever sends a larger one is cut off. Twice `max_output_bytes` where that is more.",
  }),
  "limits.max_sessions": key(integer(1, 100_000), {
    default: 1_000,
    does: "Workers of protocol 2.0 at once; the next one is refused with `too_many_sessions`.",
  }),
  "limits.max_declared_leases": key(integer(1_000, 100_000_000), {
    default: 500_000,
    does: "Leases that all workers together may say they hold; a worker that brings more is refused with `too_many_leases`.",
  }),
  "limits.max_plain_workers": key(integer(1, 10_000), {
    default: 256,
    does: "Workers of protocol 1.0 at once; the next one gets nothing until one leaves.",
  }),
  "limits.max_subscriptions": key(integer(100, 10_000_000), {
    default: 10_000,
    does: "ZeroMQ subscriptions of all peers together; beyond it everybody is cut off and connects again.",
  }),
  "limits.max_subscriptions_per_second": key(integer(1, 1_000_000), {
    default: 1_000,
    does: "ZeroMQ subscriptions that are answered in one second; the others get nothing.",
  }),
  "limits.max_body_bytes": key(integer(kib, 1024 * mib), {
    default: 32 * mib,
    does: "The body of one HTTP request.",
  }),
  "limits.max_pending_body_bytes": key(integer(kib, 64 * 1024 * mib), {
    default: 256 * mib,
    does: "Bodies of HTTP requests that are being received or answered, all together; the next one is answered with 503 `overloaded`.",
  }),
  "limits.max_template_bytes": key(integer(kib, 8 * mib), {
    default: 8 * mib,
    does: "The document of a template; as YAML at most 4 MiB of it.",
  }),
  "limits.max_tags": key(integer(0, 1_000), {
    default: 32,
    does: "Tags of one task.",
  }),
  "limits.max_page_items": key(integer(1, 10_000), {
    default: 1_000,
    does: "Items in one page of a list.",
  }),
  "limits.max_streams": key(integer(0, 100_000), {
    default: 5_000,
    does: "Event streams open at the same time; the next one is answered with 503 `too_many_streams`.",
  }),
  "limits.stream_buffer_bytes": key(integer(kib, 64 * mib), {
    default: mib,
    does: "What one event stream holds back for a client that reads slowly; it gets the rest from the history later.",
  }),
  "limits.stream_stall_ms": key(integer(100, hour), {
    default: 30_000,
    does: "An event stream whose client takes nothing for so long is cut.",
  }),
  "limits.payload_cache_bytes": key(integer(0, 64 * 1024 * mib), {
    default: 64 * mib,
    does: "Contexts and outputs of active tasks that are kept in memory; the others are read again when a step needs them.",
  }),
  "step_execution.rust_step_publisher": key(endpoint, {
    default: null,
    defaultMeaning: "`steps.sock` beside the database",
    flag: "steps",
    does: "Where the orchestrator publishes steps; it binds there.",
  }),
  "step_execution.rust_result_subscriber": key(endpoint, {
    default: null,
    defaultMeaning: "`results.sock` beside the database",
    flag: "results",
    does: "Where the orchestrator receives results; it binds there.",
  }),
  "step_execution.handler_step_subscriber": key(endpoint, {
    default: null,
    defaultMeaning: "`rust_step_publisher`",
    does: "Where workers connect for steps, as `tasker dev` tells them; set it when they reach the orchestrator under another name than it binds.",
  }),
  "step_execution.handler_result_publisher": key(endpoints, {
    default: null,
    defaultMeaning: "`rust_result_subscriber`",
    does: "Where workers publish results. At each endpoint that is another than `rust_result_subscriber` one worker binds, and the orchestrator connects to it as well.",
  }),
  "step_execution.batch_size": key(integer(1, 1_000), {
    default: 10,
    does: "Steps in one batch at most. A batch is what is ready now; it never waits to be full.",
  }),
  "step_execution.result_timeout_ms": key(integer(1, 30 * 24 * hour), {
    default: 300_000,
    does: "How long one attempt of a step may take when its template sets no `timeout`.",
  }),
  "step_execution.handler_poll_interval_ms": key(integer(0, hour), {
    default: 1,
    does: "Taken so that existing files load, and without effect: nothing here polls.",
  }),
  "step_execution.step_queue_hwm": key(integer(1, 1_000_000), {
    default: 1_000,
    does: "Messages queued for one worker; beyond it its next batch waits in the orchestrator, and none is lost.",
  }),
  "step_execution.result_queue_hwm": key(integer(1, 1_000_000), {
    default: 1_000,
    does: "Messages queued from one worker.",
  }),
  "step_execution.allow_insecure_tcp": key(yesOrNo, {
    default: false,
    does: "Lets TCP endpoints be reached from other machines although nobody has to prove who he is: whoever reaches them can run steps and forge results. Only for a network that is trusted as a whole.",
  }),
} satisfies Record<string, ConfigKey<unknown>>;

export type KeyName = keyof typeof configKeys;

/** What a key holds once it was read; null where it has no default. */
export type ConfigValues = {
  readonly [K in KeyName]: (typeof configKeys)[K] extends ConfigKey<infer T>
    ? (typeof configKeys)[K]["default"] extends null
      ? T | null
      : T
    : never;
};

export const keyNames = Object.keys(configKeys) as KeyName[];

export function keyOf(name: KeyName): ConfigKey<unknown> {
  return configKeys[name];
}

/** The environment variable of a key: `limits.max_body_bytes` is `TASKER_LIMITS_MAX_BODY_BYTES`. */
export function envName(name: KeyName): string {
  return keyOf(name).env ?? `TASKER_${name.replace(".", "_").toUpperCase()}`;
}

function key<T, D extends ConfigKey<T>["default"]>(
  kind: ValueKind<T>,
  rest: Omit<ConfigKey<T>, "kind" | "default"> & { readonly default: D },
): ConfigKey<T> & { readonly default: D } {
  return Object.freeze({ kind, ...rest });
}
