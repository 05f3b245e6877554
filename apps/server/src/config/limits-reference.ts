/**
 * docs/reference/limits.md: every limit that there is, where it is set or why it is fixed, and what happens beyond it. Made
 * from the code's own tables; a test holds the page equal, and no limit of the code is missing from it.
 */
import { defaultEngineSettings } from "@tasker/engine";
import { defaultZeromqLimits } from "@tasker/executors";
import { defaultHttpLimits } from "@tasker/http-api";
import { defaultLimits } from "@tasker/protocol";
import { templateLimits } from "@tasker/templates";
import { type KeyName, keyOf } from "./keys.ts";

interface Limit {
  readonly what: string;
  /** The names in the code's tables that this is about. */
  readonly of: readonly string[];
  /** The key that sets it. */
  readonly key?: KeyName;
  /** Where there is no key: its value, and why it is fixed. */
  readonly fixed?: readonly [value: number, why: string];
  readonly beyond: string;
}

const bothSides = "both sides must know it, and there is no negotiation";
const format = "part of the template format: a file that loads here loads everywhere";
const contract = "part of the HTTP contract, in the OpenAPI document";

const sections: readonly (readonly [title: string, limits: readonly Limit[]])[] = [
  [
    "HTTP",
    [
      { what: "A body", of: ["http.bodyBytes"], key: "limits.max_body_bytes", beyond: "413 `content_too_large`" },
      {
        what: "All bodies together, as far as they have arrived (those up to 64 KiB do not count)",
        of: ["http.pendingBodyBytes"],
        key: "limits.max_pending_body_bytes",
        beyond: "503 `overloaded`",
      },
      {
        what: "A context",
        of: ["http.contextBytes"],
        key: "limits.max_context_bytes",
        beyond: "413 `content_too_large`",
      },
      {
        what: "Tasks in a bulk call",
        of: ["http.bulkTasks"],
        key: "limits.max_bulk_tasks",
        beyond: "413 `content_too_large`",
      },
      { what: "Tags of a task", of: ["http.tags"], key: "limits.max_tags", beyond: "400 `request_invalid`" },
      {
        what: "Items in a page",
        of: ["http.pageItems"],
        key: "limits.max_page_items",
        beyond: "400 `request_invalid`",
      },
      { what: "Event streams", of: ["http.streams"], key: "limits.max_streams", beyond: "503 `too_many_streams`" },
      {
        what: "Held back for a stream whose client reads slowly",
        of: ["http.streamBufferBytes"],
        key: "limits.stream_buffer_bytes",
        beyond: "the client gets the rest from the history, at its own pace",
      },
      {
        what: "A stream whose client takes nothing, in ms",
        of: ["http.streamStallMs"],
        key: "limits.stream_stall_ms",
        beyond: "it is cut, and told where to go on",
      },
      {
        what: "Objects and arrays inside each other, in a body",
        of: ["http.depth"],
        fixed: [
          defaultHttpLimits.depth,
          "a worker's JSON parser takes 100 (Ruby's), and a batch wraps a context in three",
        ],
        beyond: "400 `request_invalid`",
      },
      {
        what: "Characters of a tag",
        of: ["http.tagChars"],
        fixed: [defaultHttpLimits.tagChars, contract],
        beyond: "400 `request_invalid`",
      },
      {
        what: "Characters of an idempotency key",
        of: ["http.idempotencyKeyChars"],
        fixed: [defaultHttpLimits.idempotencyKeyChars, contract],
        beyond: "400 `request_invalid`",
      },
      {
        what: "Characters of names, versions, correlation ids, initiators and filters",
        of: ["http.nameChars"],
        fixed: [defaultHttpLimits.nameChars, contract],
        beyond: "400 `request_invalid`",
      },
      {
        what: "Characters of a reason",
        of: ["http.reasonChars"],
        fixed: [defaultHttpLimits.reasonChars, contract],
        beyond: "400 `request_invalid`",
      },
    ],
  ],
  [
    "Engine",
    [
      {
        what: "Submitted tasks that wait to be stored",
        of: ["engine.maxPendingSubmissions"],
        key: "limits.max_pending_submissions",
        beyond: "503 `overloaded`",
      },
      {
        what: "Their contexts",
        of: ["engine.maxPendingSubmissionBytes"],
        key: "limits.max_pending_submission_bytes",
        beyond: "503 `overloaded`",
      },
      {
        what: "Results that wait for a turn",
        of: ["engine.maxPendingResults"],
        key: "limits.max_pending_results",
        beyond: "nothing is read from workers until turns have caught up; they keep what they have",
      },
      {
        what: "Their payloads",
        of: ["engine.maxPendingResultBytes"],
        key: "limits.max_pending_result_bytes",
        beyond: "the same",
      },
      {
        what: "The output of a step",
        of: ["engine.maxOutputBytes", "zeromq.maxOutputBytes", "protocol.outputBytes"],
        key: "limits.max_output_bytes",
        beyond: "the attempt fails: `output_too_large`",
      },
      {
        what: "The error of a step",
        of: ["engine.maxErrorBytes"],
        key: "limits.max_error_bytes",
        beyond: "it is shortened, and says so",
      },
      {
        what: "Contexts and outputs kept in memory",
        of: ["engine.payloadCacheBytes"],
        key: "limits.payload_cache_bytes",
        beyond: "they are read again when a step needs them",
      },
      {
        what: "Steps in a batch",
        of: ["engine.batchSize", "zeromq.maxStepsPerBatch"],
        key: "step_execution.batch_size",
        beyond: "the others go in the next batch",
      },
      {
        what: "A batch of several steps, roughly",
        of: ["engine.batchBytes"],
        fixed: [defaultEngineSettings.batchBytes, "transport only: a larger single step goes alone"],
        beyond: "the batch is split",
      },
      {
        what: "Tasks and results decided on in one turn",
        of: ["engine.turnWeight"],
        fixed: [defaultEngineSettings.turnWeight, "what waits longer waits for the next turn, and nothing is refused"],
        beyond: "the next turn takes the rest",
      },
    ],
  ],
  [
    "Workers (ZeroMQ)",
    [
      {
        what: "A message of a worker",
        of: ["zeromq.maxMessageBytes", "protocol.messageBytes"],
        key: "limits.max_message_bytes",
        beyond: "its connection is cut before the message is in memory",
      },
      {
        what: "Messages queued from one worker",
        of: [],
        key: "step_execution.result_queue_hwm",
        beyond: "they stay at the worker",
      },
      {
        what: "Messages queued for one worker",
        of: [],
        key: "step_execution.step_queue_hwm",
        beyond: "its next batch waits in the orchestrator",
      },
      {
        what: "Workers of protocol 2.0",
        of: ["zeromq.maxSessions"],
        key: "limits.max_sessions",
        beyond: "refused: `too_many_sessions`",
      },
      {
        what: "Leases that all workers together say they hold",
        of: ["zeromq.maxDeclaredLeases"],
        key: "limits.max_declared_leases",
        beyond: "refused: `too_many_leases`",
      },
      {
        what: "Workers of protocol 1.0",
        of: ["zeromq.maxPlainSlots"],
        key: "limits.max_plain_workers",
        beyond: "gets nothing until one leaves",
      },
      {
        what: "Subscriptions of all peers",
        of: ["zeromq.maxSubscriptions"],
        key: "limits.max_subscriptions",
        beyond: "everybody is cut off and connects again",
      },
      {
        what: "Subscriptions answered in a second",
        of: ["zeromq.maxSubscriptionsPerSecond"],
        key: "limits.max_subscriptions_per_second",
        beyond: "the others get nothing",
      },
      {
        what: "Characters of a subscription",
        of: ["zeromq.maxSubscriptionBytes"],
        fixed: [defaultZeromqLimits.maxSubscriptionBytes, "the longest topic that there is has 139"],
        beyond: "gets nothing; beyond 1,024 bytes its connection is cut",
      },
      {
        what: "Lines about bad frames and subscriptions in ten seconds",
        of: ["zeromq.maxComplaintsLogged"],
        fixed: [defaultZeromqLimits.maxComplaintsLogged, "the log must not be a way to fill the disk"],
        beyond: "counted, and their number is logged",
      },
      ...(
        [
          ["One `progress`", "progressBytes", "`too_large`"],
          ["One `cursor` of a checkpoint", "checkpointBytes", "`too_large`: the worker is told"],
          ["Results in one message", "resultsPerMessage", "`too_many`"],
          ["Steps in one message", "stepsPerBatch", "`too_many`"],
          ["Handlers of one worker", "handlers", "`too_many`"],
          ["Ids in one list, and capacity", "leases", "`too_many`, `invalid_value`"],
          ["Values in one MessagePack message", "values", "`too_many`"],
          ["Objects and arrays inside each other, the message included", "depth", "`too_deep`"],
        ] as const
      ).map(
        ([what, name, beyond]): Limit => ({
          what,
          of: [`protocol.${name}`],
          fixed: [defaultLimits[name], bothSides],
          beyond,
        }),
      ),
    ],
  ],
  [
    "Templates",
    [
      {
        what: "Steps of a template",
        of: ["template.steps"],
        key: "limits.max_steps_per_task",
        beyond: "422 `template_invalid`",
      },
      {
        what: "A document",
        of: ["http.templateBytes", "template.documentBytes"],
        key: "limits.max_template_bytes",
        beyond: "413 `content_too_large`, 422 `template_invalid`",
      },
      ...(
        [
          ["A document in YAML", "yamlBytes"],
          ["Maps and lists inside each other", "nesting"],
          ["Values that YAML aliases stand for", "aliasedValues"],
          ["`config` of one step, as JSON", "configBytes"],
          ["One `input_schema` or `result_schema`, as JSON", "schemaBytes"],
          ["Characters of a name", "nameLength"],
          ["Characters of a handler", "handlerLength"],
          ["Characters of a description", "descriptionLength"],
          ["Characters of a version", "versionLength"],
          ["Retries of a step", "retries"],
        ] as const
      ).map(
        ([what, name]): Limit => ({
          what,
          of: [`template.${name}`],
          fixed: [templateLimits[name], format],
          beyond: "422 `template_invalid`",
        }),
      ),
      {
        what: "Issues listed in one error",
        of: ["template.issues"],
        fixed: [templateLimits.issues, "for the reader"],
        beyond: "the others are counted",
      },
    ],
  ],
];

/** Every name of the code's tables that the page is about, for the test that none is missing. */
export const documentedLimits: readonly string[] = sections.flatMap(([, limits]) =>
  limits.flatMap((limit) => limit.of),
);

export function limitsReference(): string {
  return `${[intro, ...sections.map(sectionText)].join("\n")}`;
}

const intro = `# Limits

Made from the code's tables by \`npm run reference\`.

Nothing is unbounded: each of these has an answer that names it, and a test at its edge (what is just taken, and what is just not).
Sizes are in bytes. Those with a key are [settings](configuration.md); a fixed one says why it is fixed. \`make fuzz\` and
\`make fuzz-http\` throw what is beyond them, and everything else, at a running system.
`;

function sectionText([title, limits]: (typeof sections)[number]): string {
  const head = `## ${title}\n\n| limit | default | set by | beyond it |\n|---|---|---|---|\n`;
  return head + limits.map(rowText).join("");
}

function rowText({ what, key, fixed, beyond }: Limit): string {
  const value = key === undefined ? fixed![0] : Number(keyOf(key).default);
  const set = key === undefined ? `fixed: ${fixed![1]}` : `\`${key}\``;
  return `| ${what} | ${value.toLocaleString("en")} | ${set} | ${beyond} |\n`;
}
