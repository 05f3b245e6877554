/**
 * `results`: what became of steps. The worker encodes them; the orchestrator decodes them with one JSON.parse for the
 * checks and one walk that cuts `output` and `error` out as they came.
 */
import { RawCursor } from "@tasker/json";
import { type CodecLimits, defaultLimits } from "../limits.ts";
import {
  type Codec,
  type Frame,
  type ProtocolVersion,
  type RawJson,
  type ResultItem,
  type ResultMessage,
  type ResultMetadata,
  topics,
} from "../messages.ts";
import { ProtocolError } from "../protocol-error.ts";
import {
  checkPayloadSize,
  codeRule,
  idRule,
  isAbsent,
  readBoolean,
  readInteger,
  readList,
  readMilliseconds,
  readName,
  readObject,
  readOneOf,
  readText,
  sessionRule,
} from "./fields.ts";
import { type Payload, readPayload } from "./frame.ts";
import { pack } from "./msgpack.ts";
import { openItem } from "./payload-text.ts";
import { isId, type RefusedItem, readableItemIds } from "./refused-item.ts";
import { readVersion } from "./version.ts";

export interface DecodedResults extends ResultMessage {
  /** Items that are wrong in themselves; `results` holds the others. */
  readonly refused: readonly RefusedItem[];
}

const statuses = ["completed", "failed", "error"] as const;
const handlerVersionChars = 255;

const payloadMembers = ["output", "error"] as const;
/** The message, its list, the item. */
const levelsAround = 3;
/**
 * Reads a frame on `results`, of protocol 1.0 or 2.0.
 *
 * @throws ProtocolError when the message as a whole cannot be used; what is wrong with single items is in `refused`.
 */
export function decodeResults(frame: Uint8Array, limits: CodecLimits = defaultLimits): DecodedResults {
  const payload = readPayload(frame, topics.results, limits);
  try {
    return decodeMessage(payload, limits);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw error.within("", { batchId: isId(payload.value.batch_id) ? payload.value.batch_id : null });
  }
}

function decodeMessage({ text, value }: Payload, limits: CodecLimits): DecodedResults {
  // The seed's own reader does not ask for the version of a response, so its absence means 1.0.
  const version = isAbsent(value.protocol_version) ? "1.0" : readVersion(value.protocol_version);
  const batchId = readName(value.batch_id, "batch_id", idRule);
  const session = version === "1.0" ? undefined : readName(value.session, "session", sessionRule);
  const items = readList(value.results, "results", limits.resultsPerMessage);
  const cut = text === null ? null : cutPayloads(text);

  const results: ResultItem[] = [];
  const refused: RefusedItem[] = [];
  for (let index = 0; index < items.length; index++) {
    try {
      if (cut === null) {
        const { item, texts } = openItem(items[index], payloadMembers, levelsAround, limits);
        results.push(readItem(item, version, texts, limits));
      } else results.push(readItem(items[index], version, cut[index]!, limits));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const ids = { batchId, ...readableItemIds(items[index]) };
      refused.push({ index, error: error.within(`results[${index}]`, ids) });
    }
  }
  const message = { batch_id: batchId, protocol_version: version, results, refused };
  return session === undefined ? message : { ...message, session };
}

function readItem(value: unknown, version: ProtocolVersion, payloads: CutPayloads, limits: CodecLimits): ResultItem {
  const { output, error } = payloads;
  const item = readObject(value, "");
  const step_id = readInteger(item.step_id, "step_id", 1);
  const status = readOneOf(item.status, "status", statuses);
  checkPayloadSize(output, "output", limits.outputBytes);
  const error_code = readErrorCode(item.error);
  checkPayloadSize(error, "error", limits.outputBytes);
  const metadata = readMetadata(item.metadata, version);
  return { step_id, status, output, error, error_code, metadata };
}

function readErrorCode(error: unknown): string | null {
  if (isAbsent(error)) return null;
  const code = readObject(error, "error").code;
  return typeof code === "string" && code.length <= codeRule.maxChars && codeRule.pattern.test(code) ? code : null;
}

function readMetadata(value: unknown, version: ProtocolVersion): ResultMetadata {
  const metadata: { -readonly [K in keyof ResultMetadata]: ResultMetadata[K] } = {};
  const plain = version === "1.0";
  if (plain && isAbsent(value)) return metadata;
  const from = readObject(value, "metadata");
  if (!isAbsent(from.execution_time_ms)) {
    metadata.execution_time_ms = readMilliseconds(from.execution_time_ms, "metadata.execution_time_ms");
  }
  if (!isAbsent(from.handler_version)) {
    metadata.handler_version = readText(from.handler_version, "metadata.handler_version", handlerVersionChars);
  }
  if (!isAbsent(from.retryable)) metadata.retryable = readBoolean(from.retryable, "metadata.retryable");
  if (plain) return metadata;
  metadata.lease_id = readName(from.lease_id, "metadata.lease_id", idRule);
  if (!isAbsent(from.retry_after_ms)) {
    metadata.retry_after_ms = readMilliseconds(from.retry_after_ms, "metadata.retry_after_ms");
  }
  if (!isAbsent(from.attempt)) metadata.attempt = readInteger(from.attempt, "metadata.attempt", 1);
  return metadata;
}

interface CutPayloads {
  output: RawJson;
  error: RawJson;
}

/** The text of every item's `output` and `error`, `null` where there is none. Of duplicate keys the last one counts. */
function cutPayloads(text: string): CutPayloads[] {
  let payloads: CutPayloads[] = [];
  const cursor = new RawCursor(text);
  cursor.enterObject();
  while (cursor.nextMember()) {
    if (!cursor.keyIs("results") || !cursor.enterArray()) {
      cursor.skip();
      continue;
    }
    payloads = [];
    while (cursor.nextElement()) payloads.push(cutItem(cursor));
  }
  return payloads;
}

function cutItem(cursor: RawCursor): CutPayloads {
  const payloads = { output: "null", error: "null" };
  if (!cursor.enterObject()) {
    cursor.skip();
    return payloads;
  }
  while (cursor.nextMember()) {
    if (cursor.keyIs("output")) payloads.output = cursor.takeOwn();
    else if (cursor.keyIs("error")) payloads.error = cursor.takeOwn();
    else cursor.skip();
  }
  return payloads;
}

/** A frame on `results`. `output` and `error` of each item are joined in as they are: they must be JSON text. */
export function encodeResults(message: ResultMessage, codec?: "json"): string;
export function encodeResults(message: ResultMessage, codec: Codec): Frame;
export function encodeResults(message: ResultMessage, codec: Codec = "json"): Frame {
  if (codec === "msgpack") return packResults(message);
  const session = message.session === undefined ? "" : `,"session":${JSON.stringify(message.session)}`;
  const head = `${topics.results} {"batch_id":${JSON.stringify(message.batch_id)},"protocol_version":"${message.protocol_version}"${session},"results":[`;
  return `${head}${message.results.map(encodeItem).join(",")}]}`;
}

function packResults({ batch_id, protocol_version, session, results }: ResultMessage): Uint8Array {
  const items = results.map(({ error_code: _, metadata, ...item }) => ({ ...item, metadata: { ...metadata } }));
  return pack(`${topics.results} `, { batch_id, protocol_version, session, results: items });
}

function encodeItem(item: ResultItem): string {
  return `{"step_id":${item.step_id},"status":"${item.status}","output":${item.output},"error":${item.error},"metadata":${JSON.stringify(item.metadata)}}`;
}
