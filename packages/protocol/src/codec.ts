/**
 * The only place where bytes of the wire are parsed or made, on both sides. `protocol/spec.md` is normative; what a
 * decoder accepts is typed in `messages.ts`, what it refuses is a `ProtocolError`.
 */
export {
  type DecodedBatch,
  type DecodedStep,
  decodeBatch,
  encodeBatch,
  encodePlainBatch,
  type OutgoingBatch,
  type OutgoingStep,
  staticStepJson,
} from "./codec/batch.ts";
export { decodeControl, decodeOrchestratorMessage, encodeControl } from "./codec/control.ts";
export { type Payload, readPayload, topicOf } from "./codec/frame.ts";
export type { RefusedItem } from "./codec/refused-item.ts";
export { type DecodedResults, decodeResults, encodeResults } from "./codec/results.ts";
export {
  type DecodedHeartbeat,
  type DecodedWorkerMessage,
  decodeWorkerMessage,
  encodeWorkerMessage,
  type RefusedCheckpoint,
} from "./codec/worker-message.ts";
