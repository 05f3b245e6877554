/** `worker`: what a worker says about itself. It encodes, the orchestrator decodes. */
import { RawCursor } from "@tasker/json";
import { type CodecLimits, defaultLimits } from "../limits.ts";
import {
  type ByeMessage,
  type Checkpoint,
  type Codec,
  type Frame,
  type HeartbeatMessage,
  type HelloMessage,
  type RawJson,
  type RejectMessage,
  topics,
  type WorkerMessage,
} from "../messages.ts";
import { ProtocolError } from "../protocol-error.ts";
import {
  checkPayloadSize,
  codeRule,
  describe,
  handlerRule,
  idRule,
  isAbsent,
  isObject,
  type JsonObject,
  poolRule,
  readInteger,
  readList,
  readName,
  readNames,
  readObject,
  readOneOf,
  readText,
  sessionRule,
  workerIdRule,
} from "./fields.ts";
import { isNegotiation, type Payload, readPayload } from "./frame.ts";
import { pack } from "./msgpack.ts";
import { openPayload } from "./payload-text.ts";
import { isId, type RefusedItem } from "./refused-item.ts";
import { readSessionVersion } from "./version.ts";

/** A checkpoint that is wrong in itself. Its lease is in the error's ids; with `seq` it can be answered. */
export interface RefusedCheckpoint extends RefusedItem {
  readonly seq: number | null;
}

export interface DecodedHeartbeat extends HeartbeatMessage {
  /** Checkpoints that cannot be used; `checkpoints` holds the others. */
  readonly refused: readonly RefusedCheckpoint[];
}

export type DecodedWorkerMessage = Exclude<WorkerMessage, HeartbeatMessage> | DecodedHeartbeat;

/** Around a progress or a cursor: the message, its list, the item. */
const levelsAround = 3;
const languageChars = 128;
const versionsOrCodecs = 16;

/** The orchestrator counts on from it: whatever a peer says, there is room up to 2^53. */
const highestLastSeq = 2 ** 52;

/**
 * Reads a frame on `worker`.
 *
 * @throws ProtocolError; its `ids.session` says whom to answer, where that could be read. `unknown_type` is to be ignored.
 */
export function decodeWorkerMessage(frame: Uint8Array, limits: CodecLimits = defaultLimits): DecodedWorkerMessage {
  const payload = readPayload(frame, topics.worker, limits);
  try {
    return readWorkerMessage(payload, limits);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw error.within("", { session: readableSession(payload.value.session) });
  }
}

function readWorkerMessage(payload: Payload, limits: CodecLimits): DecodedWorkerMessage {
  const { value } = payload;
  const type = readText(value.type, "type");
  readSessionVersion(value.protocol_version);
  switch (type) {
    case "hello":
      return readHello(value, limits);
    case "heartbeat":
      return readHeartbeat(payload, limits);
    case "reject":
      return readReject(value, limits);
    case "bye":
      return {
        type,
        protocol_version: "2.0",
        session: readName(value.session, "session", sessionRule),
        last_seq: isAbsent(value.last_seq) ? null : readInteger(value.last_seq, "last_seq", 0, highestLastSeq),
      };
    default:
      throw new ProtocolError("unknown_type", "type", 'one of "hello", "heartbeat", "reject", "bye"', describe(type));
  }
}

function readHello(value: JsonObject, limits: CodecLimits): HelloMessage {
  const worker_id = readName(value.worker_id, "worker_id", workerIdRule);
  const session = readName(value.session, "session", sessionRule);
  if (session.length !== worker_id.length + 9 || !session.startsWith(worker_id)) {
    throw new ProtocolError("invalid_value", "session", `"${worker_id}-" and 8 hexadecimal digits`, describe(session));
  }
  return {
    type: "hello",
    protocol_version: "2.0",
    session,
    worker_id,
    protocols: readNames(value.protocols, "protocols", codeRule, versionsOrCodecs),
    codecs: isAbsent(value.codecs) ? ["json"] : readNames(value.codecs, "codecs", codeRule, versionsOrCodecs),
    language: readOptionalText(value.language, "language"),
    sdk: readOptionalText(value.sdk, "sdk"),
    version: readOptionalText(value.version, "version"),
    pool: isAbsent(value.pool) ? "default" : readName(value.pool, "pool", poolRule),
    handlers: readNames(value.handlers, "handlers", handlerRule, limits.handlers),
    capacity: readInteger(value.capacity, "capacity", 0, limits.leases),
    leases: readLeases(value.leases, "leases", limits),
    outbox: readLeases(value.outbox, "outbox", limits),
  };
}

function readHeartbeat({ text, value }: Payload, limits: CodecLimits): DecodedHeartbeat {
  return {
    type: "heartbeat",
    protocol_version: "2.0",
    session: readName(value.session, "session", sessionRule),
    epoch: readName(value.epoch, "epoch", idRule),
    last_seq: readInteger(value.last_seq, "last_seq", 0, highestLastSeq),
    leases: readNames(value.leases, "leases", idRule, limits.leases),
    capacity: readInteger(value.capacity, "capacity", 0, limits.leases),
    progress: isAbsent(value.progress) ? [] : readProgress(text, value.progress, limits),
    ...(isAbsent(value.checkpoints) ? noCheckpoints : readCheckpoints(text, value.checkpoints, limits)),
  };
}

function readProgress(text: string | null, value: unknown, limits: CodecLimits): HeartbeatMessage["progress"] {
  const reports = readList(value, "progress", limits.leases);
  const texts = text === null ? null : cutPayloads(text, "progress", "progress");
  return reports.map((report, index) => {
    const path = `progress[${index}]`;
    const item = readObject(report, path);
    const lease_id = readName(item.lease_id, `${path}.lease_id`, idRule);
    const progress = texts?.[index] ?? openPayload(item.progress, `${path}.progress`, levelsAround, limits).text;
    checkPayloadSize(progress, `${path}.progress`, limits.progressBytes);
    return { lease_id, progress };
  });
}

const noCheckpoints = { checkpoints: [], refused: [] };

function readCheckpoints(
  text: string | null,
  value: unknown,
  limits: CodecLimits,
): Pick<DecodedHeartbeat, "checkpoints" | "refused"> {
  const items = readList(value, "checkpoints", limits.leases);
  const cursors = text === null ? null : cutPayloads(text, "checkpoints", "cursor");
  const checkpoints: Checkpoint[] = [];
  const refused: RefusedCheckpoint[] = [];
  for (let index = 0; index < items.length; index++) {
    try {
      checkpoints.push(readCheckpoint(items[index], cursors?.[index], limits));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const { leaseId, seq } = readableCheckpointIds(items[index]);
      refused.push({ index, error: error.within(`checkpoints[${index}]`, { leaseId }), seq });
    }
  }
  return { checkpoints, refused };
}

/** @param cut the cursor's text, where it was cut from the message */
function readCheckpoint(value: unknown, cut: RawJson | undefined, limits: CodecLimits): Checkpoint {
  const item = readObject(value, "");
  const lease_id = readName(item.lease_id, "lease_id", idRule);
  const seq = readInteger(item.seq, "seq", 1);
  const cursor = cut ?? openPayload(item.cursor, "cursor", levelsAround, limits).text;
  checkPayloadSize(cursor, "cursor", limits.checkpointBytes);
  return { lease_id, seq, cursor };
}

function readableCheckpointIds(item: unknown): { leaseId: string | null; seq: number | null } {
  if (!isObject(item)) return { leaseId: null, seq: null };
  const { lease_id, seq } = item;
  return {
    leaseId: isId(lease_id) ? lease_id : null,
    seq: Number.isSafeInteger(seq) && (seq as number) > 0 ? (seq as number) : null,
  };
}

/** The text of one member of every item of one list, `null` where there is none. Of duplicate keys the last counts. */
function cutPayloads(text: string, list: string, member: string): RawJson[] {
  let texts: RawJson[] = [];
  const cursor = new RawCursor(text);
  cursor.enterObject();
  while (cursor.nextMember()) {
    if (!cursor.keyIs(list) || !cursor.enterArray()) {
      cursor.skip();
      continue;
    }
    texts = [];
    while (cursor.nextElement()) texts.push(cutPayload(cursor, member));
  }
  return texts;
}

function cutPayload(cursor: RawCursor, member: string): RawJson {
  let payload = "null";
  if (!cursor.enterObject()) {
    cursor.skip();
    return payload;
  }
  while (cursor.nextMember()) {
    if (cursor.keyIs(member)) payload = cursor.takeOwn();
    else cursor.skip();
  }
  return payload;
}

function readReject(value: JsonObject, limits: CodecLimits): RejectMessage {
  return {
    type: "reject",
    protocol_version: "2.0",
    session: readName(value.session, "session", sessionRule),
    lease_ids: readNames(value.lease_ids, "lease_ids", idRule, limits.leases),
    reason: readOneOf(value.reason, "reason", ["unknown_handler", "malformed", "draining"]),
  };
}

function readLeases(value: unknown, path: string, limits: CodecLimits): readonly string[] {
  return isAbsent(value) ? [] : readNames(value, path, idRule, limits.leases);
}

function readOptionalText(value: unknown, path: string): string {
  return isAbsent(value) ? "" : readText(value, path, languageChars);
}

function readableSession(value: unknown): string | null {
  return typeof value === "string" && value.length <= sessionRule.maxChars && sessionRule.pattern.test(value)
    ? value
    : null;
}

/** A frame on `worker`. `progress` and `cursor` texts are joined in as they are: they must be JSON text. */
export function encodeWorkerMessage(message: WorkerMessage, codec?: "json"): string;
export function encodeWorkerMessage(message: WorkerMessage, codec: Codec): Frame;
export function encodeWorkerMessage(message: WorkerMessage, codec: Codec = "json"): Frame {
  if (codec === "msgpack" && !isNegotiation(message.type)) return pack(`${topics.worker} `, message);
  return `${topics.worker} ${message.type === "heartbeat" ? encodeHeartbeat(message) : encodeRest(message)}`;
}

function encodeRest(message: HelloMessage | RejectMessage | ByeMessage): string {
  return JSON.stringify(message);
}

function encodeHeartbeat(message: HeartbeatMessage): string {
  const { progress, checkpoints, ...rest } = message;
  const reports = progress.map((one) => `{"lease_id":${JSON.stringify(one.lease_id)},"progress":${one.progress}}`);
  const saved = checkpoints.map(
    ({ lease_id, seq, cursor }) => `{"lease_id":${JSON.stringify(lease_id)},"seq":${seq},"cursor":${cursor}}`,
  );
  const tail = saved.length === 0 ? "" : `,"checkpoints":[${saved.join(",")}]`;
  return `${JSON.stringify(rest).slice(0, -1)},"progress":[${reports.join(",")}]${tail}}`;
}
