/**
 * Batches of steps. The orchestrator joins text that it already has: the part that is the same for every task is made
 * once per template, and payloads are never parsed. The worker decodes, and cuts the payloads out as they came.
 */
import { mayHoldBigInteger, parseLossless, RawCursor } from "@tasker/json";
import { type CodecLimits, defaultLimits } from "../limits.ts";
import {
  type BatchMessage,
  type BatchStep,
  type Codec,
  type Frame,
  type ProtocolVersion,
  type RawJson,
  type StepMetadata,
  sessionTopic,
  topics,
} from "../messages.ts";
import { ProtocolError } from "../protocol-error.ts";
import {
  handlerRule,
  idRule,
  isAbsent,
  isObject,
  type JsonObject,
  readInteger,
  readList,
  readName,
  readObject,
  readOneOf,
  readText,
} from "./fields.ts";
import { type Payload, readPayload } from "./frame.ts";
import { pack } from "./msgpack.ts";
import { openItem, openPayload } from "./payload-text.ts";
import { isId, type RefusedItem, readableItemIds } from "./refused-item.ts";
import { readVersion } from "./version.ts";

/** A step about to be sent (the engine's `StepRequest` has this shape). Texts are JSON, joined in as they are. */
export interface OutgoingStep {
  readonly stepId: number;
  readonly taskId: number;
  /** From `staticStepJson`. */
  readonly staticJson: string;
  readonly context: RawJson;
  readonly previousResults: RawJson;
  readonly leaseId: string;
  /** From 1. */
  readonly attempt: number;
  readonly retryLimit: number;
  readonly timeoutMs: number;
  readonly idempotencyKey: string;
  readonly taskUuid: string;
  /** The cursor that an earlier attempt saved; null when there is none. */
  readonly checkpoint?: RawJson | null;
}

export interface OutgoingBatch {
  readonly batchId: string;
  readonly steps: readonly OutgoingStep[];
}

/** The members of a step that are the same for every task: `"step_name":...,"handler_class":...,"handler_config":...`. */
export function staticStepJson(stepName: string, handler: string, configJson: RawJson): string {
  return `"step_name":${JSON.stringify(stepName)},"handler_class":${JSON.stringify(handler)},"handler_config":${configJson}`;
}

/**
 * A batch under protocol 2.0, for one session. `batch_id` is the first member in both forms: 1.0 workers are told apart
 * by the bytes up to it.
 */
export function encodeBatch(batch: OutgoingBatch, session: string, seq: number, codec?: "json"): string;
export function encodeBatch(batch: OutgoingBatch, session: string, seq: number, codec: Codec): Frame;
export function encodeBatch(batch: OutgoingBatch, session: string, seq: number, codec: Codec = "json"): Frame {
  if (codec === "msgpack") return packBatch(batch, session, seq);
  let steps = "";
  for (const step of batch.steps) {
    const separator = steps === "" ? "" : ",";
    steps += `${separator}${encodePayloads(step)},"metadata":{"attempt":${step.attempt},${encodeBounds(step)},"lease_id":${quote(step.leaseId)},"idempotency_key":${quote(step.idempotencyKey)},"task_uuid":${quote(step.taskUuid)}${encodeCheckpoint(step)}}}`;
  }
  return `${sessionTopic(session)}{"batch_id":${quote(batch.batchId)},"protocol_version":"2.0","type":"batch","seq":${seq},"steps":[${steps}]}`;
}

function packBatch(batch: OutgoingBatch, session: string, seq: number): Uint8Array {
  const steps = batch.steps.map((step) => ({
    step_id: step.stepId,
    task_id: step.taskId,
    ...staticMembers(step.staticJson),
    task_context: step.context,
    previous_results: step.previousResults,
    metadata: {
      attempt: step.attempt,
      retry_limit: step.retryLimit,
      timeout_ms: step.timeoutMs,
      lease_id: step.leaseId,
      idempotency_key: step.idempotencyKey,
      task_uuid: step.taskUuid,
      checkpoint: step.checkpoint ?? undefined,
    },
  }));
  const message = { batch_id: batch.batchId, protocol_version: "2.0", type: "batch", seq, steps };
  return pack(sessionTopic(session), message);
}

const configKey = ',"handler_config":';

/** `staticStepJson` taken apart again. Names are escaped in it, so the first such key is the key. */
function staticMembers(staticJson: string): { step_name: string; handler_class: string; handler_config: RawJson } {
  const end = staticJson.indexOf(configKey);
  const names = JSON.parse(`{${staticJson.slice(0, end)}}`) as { step_name: string; handler_class: string };
  return { ...names, handler_config: staticJson.slice(end + configKey.length) };
}

/** A batch under protocol 1.0: the seed's members and no others, in its order; the first attempt is 0. */
export function encodePlainBatch(batch: OutgoingBatch): string {
  let steps = "";
  for (const step of batch.steps) {
    const separator = steps === "" ? "" : ",";
    steps += `${separator}${encodePayloads(step)},"metadata":{"attempt":${step.attempt - 1},${encodeBounds(step)}}}`;
  }
  return `${topics.steps} {"batch_id":${quote(batch.batchId)},"protocol_version":"1.0","steps":[${steps}]}`;
}

function encodePayloads(step: OutgoingStep): string {
  return `{"step_id":${step.stepId},"task_id":${step.taskId},${step.staticJson},"task_context":${step.context},"previous_results":${step.previousResults}`;
}

function encodeCheckpoint({ checkpoint }: OutgoingStep): string {
  return checkpoint == null ? "" : `,"checkpoint":${checkpoint}`;
}

function encodeBounds(step: OutgoingStep): string {
  return `"retry_limit":${step.retryLimit},"timeout_ms":${step.timeoutMs}`;
}

const needsNoEscape = /^[ !#-[\]-~]*$/;

/** Ids are nearly always plain ASCII, and the test is cheaper than JSON.stringify. */
function quote(text: string): string {
  return needsNoEscape.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** A step with its payloads both as text and as values, whose integers are exact (BigInt beyond 2^53 - 1). */
export interface DecodedStep extends BatchStep {
  readonly values: {
    readonly handler_config: JsonObject;
    readonly task_context: JsonObject;
    readonly previous_results: JsonObject;
  };
}

export interface DecodedBatch extends BatchMessage {
  readonly steps: readonly DecodedStep[];
  /** Steps that are wrong in themselves; `steps` holds the others. */
  readonly refused: readonly RefusedItem[];
}

/**
 * Reads a batch of protocol 1.0 or 2.0, under any topic: a worker receives only its own.
 *
 * @throws ProtocolError when the message as a whole cannot be used; what is wrong with single steps is in `refused`.
 */
export function decodeBatch(frame: Uint8Array, limits: CodecLimits = defaultLimits): DecodedBatch {
  return readBatch(readPayload(frame, null, limits), limits);
}

/** The same for a payload that was parsed already. */
export function readBatch(payload: Payload, limits: CodecLimits): DecodedBatch {
  try {
    return decodeMessage(payload, limits);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw error.within("", { batchId: isId(payload.value.batch_id) ? payload.value.batch_id : null });
  }
}

function decodeMessage({ text, value }: Payload, limits: CodecLimits): DecodedBatch {
  const version = readVersion(value.protocol_version);
  const batch_id = readName(value.batch_id, "batch_id", idRule);
  const items = readList(value.steps, "steps", limits.stepsPerBatch);
  const cut = text === null ? null : cutPayloads(text);
  const steps: DecodedStep[] = [];
  const refused: RefusedItem[] = [];
  for (let index = 0; index < items.length; index++) {
    try {
      if (cut === null) {
        const { item, texts } = openStep(items[index], limits);
        steps.push(readStep(item, version, texts));
      } else steps.push(readStep(items[index], version, cut[index]!));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const ids = { batchId: batch_id, ...readableItemIds(items[index]) };
      refused.push({ index, error: error.within(`steps[${index}]`, ids) });
    }
  }
  if (version === "1.0") return { batch_id, protocol_version: version, steps, refused };
  const type = readOneOf(value.type, "type", ["batch"]);
  const seq = readInteger(value.seq, "seq", 1);
  return { type, batch_id, protocol_version: version, seq, steps, refused };
}

function readStep(value: unknown, version: ProtocolVersion, payloads: CutPayloads): DecodedStep {
  const step = readObject(value, "");
  const { handler_config, task_context, previous_results } = payloads;
  return {
    step_id: readInteger(step.step_id, "step_id", 1),
    task_id: readInteger(step.task_id, "task_id", 1),
    step_name: readName(step.step_name, "step_name", handlerRule),
    handler_class: readName(step.handler_class, "handler_class", handlerRule),
    handler_config,
    task_context,
    previous_results,
    values: {
      handler_config: exactObject(step.handler_config, "handler_config", handler_config),
      task_context: exactObject(step.task_context, "task_context", task_context),
      previous_results: exactObject(step.previous_results, "previous_results", previous_results),
    },
    metadata: readMetadata(step.metadata, version, payloads.checkpoint),
  };
}

/** The object that was parsed with the message, or again from its text if that rounded an integer. */
function exactObject(value: unknown, path: string, text: RawJson): JsonObject {
  const object = readObject(value, path);
  return mayHoldBigInteger(text) ? (parseLossless(text) as JsonObject) : object;
}

function readMetadata(value: unknown, version: ProtocolVersion, checkpoint: RawJson): StepMetadata {
  const from = readObject(value, "metadata");
  const bounds = {
    attempt: readInteger(from.attempt, "metadata.attempt", version === "1.0" ? 0 : 1),
    retry_limit: readInteger(from.retry_limit, "metadata.retry_limit", 0),
    timeout_ms: readInteger(from.timeout_ms, "metadata.timeout_ms", 1),
  };
  if (version === "1.0") return bounds;
  const metadata: { -readonly [K in keyof StepMetadata]: StepMetadata[K] } = {
    ...bounds,
    lease_id: readName(from.lease_id, "metadata.lease_id", idRule),
    idempotency_key: readText(from.idempotency_key, "metadata.idempotency_key"),
    task_uuid: readName(from.task_uuid, "metadata.task_uuid", idRule),
  };
  if (!isAbsent(from.traceparent)) metadata.traceparent = readName(from.traceparent, "metadata.traceparent", idRule);
  // No limit here: the orchestrator took it, and knows what it allows.
  if (!isAbsent(from.checkpoint)) metadata.checkpoint = checkpoint;
  return metadata;
}

type CutPayloads = Record<(typeof payloadMembers)[number] | "checkpoint", RawJson>;

const payloadMembers = ["handler_config", "task_context", "previous_results"] as const;
/** The message, its list, the step. */
const levelsAround = 3;

/** A step of a MessagePack message as its JSON form would have it, and the text of its payloads. */
function openStep(value: unknown, limits: CodecLimits): { item: JsonObject; texts: CutPayloads } {
  const { item, texts } = openItem(value, payloadMembers, levelsAround, limits);
  const metadata = isObject(item.metadata) ? item.metadata : ({} as JsonObject);
  const checkpoint = openPayload(metadata.checkpoint, "metadata.checkpoint", levelsAround + 1, limits);
  return {
    item: isObject(item.metadata) ? { ...item, metadata: { ...metadata, checkpoint: checkpoint.value } } : item,
    texts: { ...texts, checkpoint: checkpoint.text },
  };
}

const nothingCut: CutPayloads = {
  handler_config: "null",
  task_context: "null",
  previous_results: "null",
  checkpoint: "null",
};

/** The payloads of every step, in order. Of duplicate keys the last one counts. */
function cutPayloads(text: string): CutPayloads[] {
  let payloads: CutPayloads[] = [];
  const cursor = new RawCursor(text);
  cursor.enterObject();
  while (cursor.nextMember()) {
    if (!cursor.keyIs("steps") || !cursor.enterArray()) {
      cursor.skip();
      continue;
    }
    payloads = [];
    while (cursor.nextElement()) payloads.push(cutStep(cursor));
  }
  return payloads;
}

function cutStep(cursor: RawCursor): CutPayloads {
  const payloads = { ...nothingCut };
  if (!cursor.enterObject()) {
    cursor.skip();
    return payloads;
  }
  while (cursor.nextMember()) {
    if (cursor.keyIs("handler_config")) payloads.handler_config = cursor.take();
    else if (cursor.keyIs("task_context")) payloads.task_context = cursor.take();
    else if (cursor.keyIs("previous_results")) payloads.previous_results = cursor.take();
    else if (cursor.keyIs("metadata")) payloads.checkpoint = cutCheckpoint(cursor);
    else cursor.skip();
  }
  return payloads;
}

function cutCheckpoint(cursor: RawCursor): RawJson {
  let checkpoint = "null";
  if (!cursor.enterObject()) {
    cursor.skip();
    return checkpoint;
  }
  while (cursor.nextMember()) {
    if (cursor.keyIs("checkpoint")) checkpoint = cursor.take();
    else cursor.skip();
  }
  return checkpoint;
}
