/** What responses hold, for the OpenAPI document. Responses are joined from text, so nothing is checked or made by these. */
import { stepStates, taskStatuses } from "@tasker/engine";
import Type, { type TSchema } from "typebox";

const time = Type.String({ format: "date-time", description: "ISO 8601, UTC, with milliseconds." });
const orNull = (schema: TSchema) => Type.Union([schema, Type.Null()]);
const textOrNull = orNull(Type.String());
const timeOrNull = orNull(time);

const step = Type.Object(
  {
    name: Type.String(),
    status: Type.Enum(stepStates, { type: "string" }),
    reason: Type.Union([Type.String(), Type.Null()], {
      description:
        "Why it is where it is; a `ready` step is `queued`, or `no_worker` when no connected worker has its handler.",
    }),
    attempt: Type.Integer({ description: "Attempts leased so far, the current one included." }),
    max_attempts: Type.Integer(),
    depends_on: Type.Array(Type.String()),
    worker_id: textOrNull,
    output: Type.Unknown({ description: "What the handler returned, unchanged." }),
    error: Type.Unknown({ description: "`{message, code?, ...}` of the last failed attempt, or null." }),
    ready_at: timeOrNull,
    started_at: timeOrNull,
    finished_at: timeOrNull,
    wake_at: Type.Union([time, Type.Null()], { description: "When a step that waits for its retry is ready again." }),
    progress: Type.Unknown({ description: "What its running handler last said about how far it is, or null." }),
    checkpoint: Type.Unknown({
      description: "What its handler saved last, for its next attempt to go on from, or null.",
    }),
  },
  { $id: "Step" },
);

const taskHead = {
  id: Type.String({ format: "uuid" }),
  namespace: Type.String(),
  name: Type.String(),
  version: Type.String(),
  status: Type.Enum(taskStatuses, { type: "string" }),
  reason: Type.Union([Type.String(), Type.Null()], { description: "Why nothing of it runs now, or why it ended so." }),
};
const taskTail = {
  priority: Type.Integer(),
  tags: Type.Array(Type.String()),
  idempotency_key: textOrNull,
  correlation_id: textOrNull,
  initiator: textOrNull,
  created_at: time,
  started_at: timeOrNull,
  finished_at: timeOrNull,
};

const task = Type.Object(
  {
    ...taskHead,
    context: Type.Object({}, { description: "As it was submitted, byte for byte." }),
    ...taskTail,
    steps: Type.Array(Type.Ref("Step")),
  },
  { $id: "Task" },
);

const progress = Type.Object({
  total: Type.Integer(),
  completed: Type.Integer(),
  failed: Type.Integer(),
  in_progress: Type.Integer(),
});

const taskItem = Type.Object(
  { ...taskHead, ...taskTail, progress: Type.Optional(progress) },
  { $id: "TaskItem", description: "A task without its steps and context." },
);

const event = Type.Object(
  {
    seq: Type.Integer({ description: "Grows in the order of the history." }),
    at: time,
    task_id: Type.String({ format: "uuid" }),
    step: Type.Union([Type.String(), Type.Null()], { description: "Null for the task's own." }),
    from: textOrNull,
    to: Type.String(),
    attempt: orNull(Type.Integer()),
    lease_id: textOrNull,
    worker_id: textOrNull,
    actor: Type.Enum(["engine", "worker", "client", "operator"], { type: "string" }),
    reason: textOrNull,
    detail: Type.Optional(Type.Unknown({ description: "E.g. the content of a late result." })),
  },
  { $id: "Event" },
);

const issue = Type.Object({
  path: Type.String({ description: "JSON path; empty for the document itself." }),
  message: Type.String(),
  suggestion: Type.Optional(Type.String({ description: "The nearest valid name." })),
  file: Type.Optional(Type.String()),
  line: Type.Optional(Type.Integer()),
  column: Type.Optional(Type.Integer()),
});

const problem = Type.Object(
  {
    type: Type.String({ format: "uri", description: "`urn:tasker:problem:<code>`." }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    instance: Type.String({ format: "uri", description: "Names the request; the server's log has it too." }),
    code: Type.String({ description: "Stable; what programs match on." }),
    hint: Type.String({ description: "What to do next." }),
    issues: Type.Array(issue),
  },
  { $id: "Problem", description: "RFC 9457." },
);

const templateHead = {
  namespace: Type.String(),
  name: Type.String(),
  version: Type.String(),
  description: Type.String(),
  created_at: time,
};

const template = Type.Object(
  {
    ...templateHead,
    input_schema: Type.Unknown({ description: "JSON Schema of the context, or null." }),
    steps: Type.Array(
      Type.Object({
        name: Type.String(),
        handler: Type.String(),
        config: Type.Object({}),
        depends_on: Type.Array(Type.String()),
        retryable: Type.Boolean(),
        retry: Type.Object({
          limit: Type.Integer(),
          backoff: Type.String(),
          base_ms: Type.Number(),
          max_ms: Type.Number(),
          jitter: Type.Number(),
        }),
        timeout_ms: Type.Integer(),
        queue_timeout_ms: orNull(Type.Integer()),
        on_lost: Type.String(),
        priority: Type.Integer(),
        previous_results: Type.String(),
        result_schema: Type.Unknown(),
      }),
    ),
    source: Type.String({ description: "What was applied, as text." }),
  },
  { $id: "Template" },
);

const templateItem = Type.Object({ ...templateHead, step_count: Type.Integer() }, { $id: "TemplateItem" });

const worker = Type.Object(
  {
    id: Type.String(),
    key: Type.String({ description: "This connection of the worker." }),
    protocol: Type.String(),
    language: textOrNull,
    sdk: textOrNull,
    version: textOrNull,
    pool: Type.String(),
    handlers: Type.Union([Type.Array(Type.String()), Type.Null()], { description: "Null: takes every handler." }),
    capacity: Type.Integer(),
    in_flight: Type.Integer(),
    status: Type.String(),
    connected_at: time,
  },
  { $id: "Worker" },
);

/** Shared by name. */
export const responseSchemas: readonly TSchema[] = [
  step,
  task,
  taskItem,
  event,
  problem,
  templateItem,
  template,
  worker,
];

export function reference(name: string): TSchema {
  return Type.Ref(`${name}#`) as TSchema;
}

/** A list answers a page; null as `next_cursor` says that it is the last. */
export function pageOf(items: TSchema): TSchema {
  return Type.Object({ items: Type.Array(items), next_cursor: textOrNull });
}
