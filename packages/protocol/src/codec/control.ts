/** What the orchestrator tells one session, apart from batches. It encodes, the worker decodes. */
import { type CodecLimits, defaultLimits } from "../limits.ts";
import {
  type CancelMessage,
  type CheckpointAckMessage,
  type Codec,
  type ControlMessage,
  codecs,
  type Frame,
  protocolVersions,
  type ResultAckMessage,
  sessionTopic,
  type WelcomeMessage,
} from "../messages.ts";
import { ProtocolError } from "../protocol-error.ts";
import { type DecodedBatch, readBatch } from "./batch.ts";
import {
  codeRule,
  describe,
  idRule,
  isAbsent,
  type JsonObject,
  maxTextChars,
  readInteger,
  readList,
  readName,
  readNames,
  readObject,
  readOneOf,
  readText,
  workerIdRule,
} from "./fields.ts";
import { isNegotiation, readPayload } from "./frame.ts";
import { pack } from "./msgpack.ts";
import { readSessionVersion } from "./version.ts";

const types = ["welcome", "result_ack", "checkpoint_ack", "ping", "rehello", "cancel", "drain", "refuse"];
const maxHeartbeatMs = 60_000;

/**
 * A frame for one session; in JSON whatever `codec` says where the message is part of the negotiation. A `reason` or `detail` that is longer than a worker takes is shortened.
 */
export function encodeControl(session: string, message: ControlMessage, codec?: "json"): string;
export function encodeControl(session: string, message: ControlMessage, codec: Codec): Frame;
export function encodeControl(session: string, message: ControlMessage, codec: Codec = "json"): Frame {
  const bounded = "reason" in message ? shortened(message) : message;
  if (codec === "msgpack" && !isNegotiation(message.type)) return pack(sessionTopic(session), bounded);
  return sessionTopic(session) + JSON.stringify(bounded);
}

function shortened<T extends { readonly reason: string; readonly detail?: string }>(message: T): T {
  const reason = message.reason.slice(0, maxTextChars);
  const { detail } = message;
  return detail === undefined ? { ...message, reason } : { ...message, reason, detail: detail.slice(0, maxTextChars) };
}

/**
 * Reads any frame for a worker: a batch (of either version) or a control message.
 *
 * @throws ProtocolError; `unknown_type` is to be ignored, the others are to be logged.
 */
export function decodeOrchestratorMessage(
  frame: Uint8Array,
  limits: CodecLimits = defaultLimits,
): DecodedBatch | ControlMessage {
  const payload = readPayload(frame, null, limits);
  const { type } = payload.value;
  // A batch of 1.0 has no type.
  return isAbsent(type) || type === "batch" ? readBatch(payload, limits) : readControl(payload.value, limits);
}

/** Reads a control message. @throws ProtocolError as `decodeOrchestratorMessage` does, also for a batch. */
export function decodeControl(frame: Uint8Array, limits: CodecLimits = defaultLimits): ControlMessage {
  return readControl(readPayload(frame, null, limits).value, limits);
}

function readControl(value: JsonObject, limits: CodecLimits): ControlMessage {
  const type = readText(value.type, "type");
  const from = {
    protocol_version: readSessionVersion(value.protocol_version),
    orchestrator_id: readName(value.orchestrator_id, "orchestrator_id", workerIdRule),
    epoch: readName(value.epoch, "epoch", idRule),
  } as const;
  switch (type) {
    case "welcome":
      return { type, ...from, ...readWelcome(value) };
    case "result_ack":
      return {
        type,
        ...from,
        lease_ids: readLeases(value, limits),
        timeout_ids: isAbsent(value.timeout_ids)
          ? []
          : readNames(value.timeout_ids, "timeout_ids", idRule, limits.leases),
      };
    case "checkpoint_ack":
      return { type, ...from, checkpoints: readSettled(value.checkpoints, limits) };
    case "ping":
      return { type, ...from };
    case "rehello":
    case "drain":
      return { type, ...from, reason: readText(value.reason, "reason") };
    case "cancel":
      return { type, ...from, lease_ids: readLeases(value, limits), reason: readText(value.reason, "reason") };
    case "refuse": {
      const detail = isAbsent(value.detail) ? "" : readText(value.detail, "detail");
      return { type, ...from, reason: readName(value.reason, "reason", codeRule), detail };
    }
    default:
      throw new ProtocolError("unknown_type", "type", `one of "${types.join('", "')}"`, describe(type));
  }
}

function readLeases(value: JsonObject, limits: CodecLimits): (ResultAckMessage | CancelMessage)["lease_ids"] {
  return readNames(value.lease_ids, "lease_ids", idRule, limits.leases);
}

function readSettled(value: unknown, limits: CodecLimits): CheckpointAckMessage["checkpoints"] {
  return readList(value, "checkpoints", limits.leases).map((item, index) => {
    const path = `checkpoints[${index}]`;
    const from = readObject(item, path);
    const settled = {
      lease_id: readName(from.lease_id, `${path}.lease_id`, idRule),
      seq: readInteger(from.seq, `${path}.seq`, 1),
    };
    if (isAbsent(from.refused)) return settled;
    return { ...settled, refused: readName(from.refused, `${path}.refused`, codeRule) };
  });
}

function readWelcome(value: JsonObject): Pick<WelcomeMessage, "version" | "codec" | "heartbeat_ms" | "limits"> {
  const limits = readObject(value.limits, "limits");
  return {
    version: readOneOf(value.version, "version", protocolVersions),
    codec: readOneOf(value.codec, "codec", codecs),
    heartbeat_ms: readInteger(value.heartbeat_ms, "heartbeat_ms", 1, maxHeartbeatMs),
    limits: {
      max_message_bytes: readInteger(limits.max_message_bytes, "limits.max_message_bytes", 1),
      max_output_bytes: readInteger(limits.max_output_bytes, "limits.max_output_bytes", 1),
      max_steps_per_batch: readInteger(limits.max_steps_per_batch, "limits.max_steps_per_batch", 1),
      max_checkpoint_bytes: isAbsent(limits.max_checkpoint_bytes)
        ? defaultLimits.checkpointBytes
        : readInteger(limits.max_checkpoint_bytes, "limits.max_checkpoint_bytes", 1),
    },
  };
}
