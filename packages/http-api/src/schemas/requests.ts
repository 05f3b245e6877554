/** What requests hold: these schemas check them and stand in the OpenAPI document. */
import { taskStatuses } from "@tasker/engine";
import Type, { type Static } from "typebox";
import { defaultPageItems, type HttpLimits, maxPriority, minPriority } from "../limits.ts";

/** No control characters, no lone surrogates: every store can hold it, every terminal can show it. */
const cleanText = "^[^\\u0000-\\u001f\\u007f\\ud800-\\udfff]*$";

const strict = { additionalProperties: false };

function text(chars: number, description: string) {
  return Type.String({ minLength: 1, maxLength: chars, pattern: cleanText, description });
}

function textOrNull(chars: number, description: string) {
  return Type.Union([text(chars, description), Type.Null()], { description });
}

/** The order of `examples/order-fulfillment`. */
const exampleTask = {
  namespace: "fulfillment",
  name: "process_order",
  context: {
    order_id: 12345,
    customer_info: { name: "Ada Byron", email: "ada@example.com" },
    items: [{ sku: "TEA-EARL-GREY-250", quantity: 2, unit_price_cents: 1250 }],
    total_cents: 2500,
    payment: { token: "tok_visa_4242" },
    shipping: { method: "ground", address: { street: "12 St James's Square", city: "London", country: "GB" } },
  },
};

export function submitBodySchema(limits: HttpLimits) {
  return Type.Object(
    {
      namespace: text(limits.nameChars, "The template's."),
      name: text(limits.nameChars, "The template's."),
      version: Type.Optional(textOrNull(limits.nameChars, "Absent or null: the highest that there is.")),
      context: Type.Optional(
        Type.Object({}, { description: "What the handlers get, unchanged to the last digit. Default `{}`." }),
      ),
      idempotency_key: Type.Optional(
        textOrNull(
          limits.idempotencyKeyChars,
          "The same key with the same template, version, context (byte for byte), priority and tags is the same task; with others it is refused.",
        ),
      ),
      priority: Type.Optional(
        Type.Integer({ minimum: minPriority, maximum: maxPriority, description: "Higher first. Default 0." }),
      ),
      tags: Type.Optional(
        Type.Array(text(limits.tagChars, "To find the task by."), {
          maxItems: limits.tags,
          description: "Default none.",
        }),
      ),
      correlation_id: Type.Optional(textOrNull(limits.nameChars, "Of the caller's own, to find the task by.")),
      initiator: Type.Optional(textOrNull(limits.nameChars, "Who or what asked for it.")),
      reason: Type.Optional(textOrNull(limits.reasonChars, "Why; kept in the history.")),
    },
    { ...strict, description: "A task to run.", examples: [exampleTask] },
  );
}
export type SubmitBody = Static<ReturnType<typeof submitBodySchema>>;

export function bulkBodySchema(limits: HttpLimits) {
  return Type.Object(
    {
      tasks: Type.Array(submitBodySchema(limits), {
        description: `At most ${limits.bulkTasks}; each is answered on its own.`,
      }),
    },
    strict,
  );
}

/** The frame of a bulk body; its tasks are checked one by one, so that a wrong one does not refuse the others. */
export const bulkFrameSchema = Type.Object({ tasks: Type.Array(Type.Unknown()) }, strict);
export type BulkFrame = Static<typeof bulkFrameSchema>;

export function cancelBodySchema(limits: HttpLimits) {
  return Type.Object({ reason: Type.Optional(textOrNull(limits.reasonChars, "Why; kept in the history.")) }, strict);
}
export type CancelBody = Static<ReturnType<typeof cancelBodySchema>>;

function pageLimit(limits: HttpLimits) {
  const fallback = Math.min(defaultPageItems, limits.pageItems);
  return Type.Integer({ minimum: 1, maximum: limits.pageItems, default: fallback, description: "Items in the page." });
}

export function taskListQuerySchema(limits: HttpLimits) {
  return Type.Object(
    {
      status: Type.Optional(Type.Enum(taskStatuses, { type: "string" })),
      namespace: Type.Optional(text(limits.nameChars, "The template's.")),
      name: Type.Optional(text(limits.nameChars, "The template's.")),
      tag: Type.Optional(text(limits.tagChars, "One of the task's tags.")),
      q: Type.Optional(
        text(limits.nameChars, "Text that the id, template, key, correlation id, initiator or a tag contains."),
      ),
      cursor: Type.Optional(text(limits.nameChars, "`next_cursor` of the page before.")),
      limit: Type.Optional(pageLimit(limits)),
    },
    strict,
  );
}
export type TaskListQuery = Static<ReturnType<typeof taskListQuerySchema>>;

const seq = Type.Integer({
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
  description: "Only events with a higher `seq`.",
});

export function eventListQuerySchema(limits: HttpLimits) {
  return Type.Object(
    {
      after: Type.Optional(seq),
      cursor: Type.Optional(
        Type.Integer({ ...seq, description: "`next_cursor` of the page before; wins over `after`." }),
      ),
      limit: Type.Optional(pageLimit(limits)),
    },
    strict,
  );
}
export type EventListQuery = Static<ReturnType<typeof eventListQuerySchema>>;

export const streamQuerySchema = Type.Object({ after: Type.Optional(seq) }, strict);
export type StreamQuery = Static<typeof streamQuerySchema>;

export const noQuerySchema = Type.Object({}, strict);

export const taskParamsSchema = Type.Object({ id: Type.String({ description: "The task's UUID." }) });
export type TaskParams = Static<typeof taskParamsSchema>;

export const templateParamsSchema = Type.Object({ namespace: Type.String(), name: Type.String() });
export type TemplateParams = Static<typeof templateParamsSchema>;

export const templateVersionParamsSchema = Type.Object({
  namespace: Type.String(),
  name: Type.String(),
  version: Type.String(),
});
export type TemplateVersionParams = Static<typeof templateVersionParamsSchema>;
