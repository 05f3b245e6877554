/**
 * The messages of protocol 1.0 (the seed's, as printed) and 2.0, as TypeScript types with the names of the wire.
 * `protocol/spec.md` is normative; `codec.ts` is the only place that makes these from bytes or bytes from these.
 * Payloads (`handler_config`, `task_context`, `previous_results`, `output`, `error`, `progress`, `cursor`, `checkpoint`)
 * are opaque: on the orchestrator's side they stay JSON text and are cut from and joined into messages unchanged.
 */

export const protocolVersions = ["1.0", "2.0"] as const;
export type ProtocolVersion = (typeof protocolVersions)[number];

/** How a session's messages are written: what `hello.codecs` offers and `welcome.codec` chooses. */
export const codecs = ["json", "msgpack"] as const;
export type Codec = (typeof codecs)[number];

/** One message with its topic: text in JSON, bytes in MessagePack. */
export type Frame = string | Uint8Array;

/** JSON text of a value, exactly as it came. */
export type RawJson = string;

export const topics = { steps: "steps", results: "results", worker: "worker" } as const;

/** The name of a new session. @param random 8 hexadecimal digits, lower case, new for every pair of sockets. */
export function sessionName(workerId: string, random: string): string {
  return `${workerId}-${random}`;
}

/** The topic that only this session subscribes to; with the space that ends every topic on the wire. */
export function sessionTopic(session: string): string {
  return `@${session} `;
}

// ------------------------------------------------------------------------------------------ orchestrator -> worker

export interface StepMetadata {
  /** 1.0: counted from 0, as the seed prints it. 2.0: from 1. */
  readonly attempt: number;
  readonly retry_limit: number;
  readonly timeout_ms: number;
  /** 2.0 only, as are the following. */
  readonly lease_id?: string;
  readonly idempotency_key?: string;
  readonly task_uuid?: string;
  readonly traceparent?: string;
  /** The cursor that an earlier attempt saved; absent when there is none. */
  readonly checkpoint?: RawJson;
}

export interface BatchStep {
  readonly step_id: number;
  readonly task_id: number;
  readonly step_name: string;
  readonly handler_class: string;
  readonly handler_config: RawJson;
  readonly task_context: RawJson;
  readonly previous_results: RawJson;
  readonly metadata: StepMetadata;
}

/** On `steps` (1.0) or `@session` (2.0, with `type`, `seq` and lease ids). */
export interface BatchMessage {
  readonly type?: "batch";
  readonly batch_id: string;
  readonly protocol_version: ProtocolVersion;
  readonly seq?: number;
  readonly steps: readonly BatchStep[];
}

export interface Limits {
  readonly max_message_bytes: number;
  readonly max_output_bytes: number;
  readonly max_steps_per_batch: number;
  readonly max_checkpoint_bytes: number;
}

/** Every control message of the orchestrator names itself and its epoch (one per start). */
interface FromOrchestrator {
  readonly protocol_version: "2.0";
  readonly orchestrator_id: string;
  readonly epoch: string;
}
export interface WelcomeMessage extends FromOrchestrator {
  readonly type: "welcome";
  readonly version: ProtocolVersion;
  readonly codec: Codec;
  readonly heartbeat_ms: number;
  readonly limits: Limits;
}
export interface ResultAckMessage extends FromOrchestrator {
  readonly type: "result_ack";
  /** The worker may forget what it has under these. */
  readonly lease_ids: readonly string[];
  /** Of these it may forget that they timed out, and nothing else: an answer is not acknowledged by this. */
  readonly timeout_ids?: readonly string[];
}
/** What became of cursors: kept, or `refused` with a code. Settles all of the lease up to `seq` (spec R-80). */
export interface CheckpointAckMessage extends FromOrchestrator {
  readonly type: "checkpoint_ack";
  readonly checkpoints: readonly SettledCheckpoint[];
}

export interface SettledCheckpoint {
  readonly lease_id: string;
  readonly seq: number;
  readonly refused?: string;
}

export interface PingMessage extends FromOrchestrator {
  readonly type: "ping";
}
/** "I do not know you (any more): say hello, with what you hold." */
export interface RehelloMessage extends FromOrchestrator {
  readonly type: "rehello";
  readonly reason: string;
}
export interface CancelMessage extends FromOrchestrator {
  readonly type: "cancel";
  readonly lease_ids: readonly string[];
  readonly reason: string;
}
export interface DrainMessage extends FromOrchestrator {
  readonly type: "drain";
  readonly reason: string;
}
/** Final: the worker must not try again as it is. */
export interface RefuseMessage extends FromOrchestrator {
  readonly type: "refuse";
  readonly reason: string;
  readonly detail: string;
}
export type ControlMessage =
  | WelcomeMessage
  | ResultAckMessage
  | CheckpointAckMessage
  | PingMessage
  | RehelloMessage
  | CancelMessage
  | DrainMessage
  | RefuseMessage;

// ------------------------------------------------------------------------------------------ worker -> orchestrator

/** On `worker`. */
export interface HelloMessage {
  readonly type: "hello";
  readonly protocol_version: "2.0";
  readonly session: string;
  readonly worker_id: string;
  readonly protocols: readonly string[];
  readonly codecs: readonly string[];
  readonly language: string;
  readonly sdk: string;
  readonly version: string;
  readonly pool: string;
  readonly handlers: readonly string[];
  readonly capacity: number;
  readonly leases: readonly string[];
  readonly outbox: readonly string[];
}
export interface HeartbeatMessage {
  readonly type: "heartbeat";
  readonly protocol_version: "2.0";
  readonly session: string;
  readonly epoch: string;
  /** The `seq` of the last batch received in this session; 0 before the first. */
  readonly last_seq: number;
  /** Running or queued in the worker, or in its outbox. */
  readonly leases: readonly string[];
  readonly capacity: number;
  readonly progress: readonly { readonly lease_id: string; readonly progress: RawJson }[];
  /** Cursors that no `checkpoint_ack` has settled. */
  readonly checkpoints: readonly Checkpoint[];
}

export interface Checkpoint {
  readonly lease_id: string;
  /** Numbers the cursors of a lease, from 1. */
  readonly seq: number;
  readonly cursor: RawJson;
}
export interface RejectMessage {
  readonly type: "reject";
  readonly protocol_version: "2.0";
  readonly session: string;
  readonly lease_ids: readonly string[];
  readonly reason: "unknown_handler" | "malformed" | "draining";
}
export interface ByeMessage {
  readonly type: "bye";
  readonly protocol_version: "2.0";
  readonly session: string;
  /** As in a heartbeat: what was sent after it never arrived, and never will. Null: not said. */
  readonly last_seq: number | null;
}
export type WorkerMessage = HelloMessage | HeartbeatMessage | RejectMessage | ByeMessage;

export interface ResultMetadata {
  readonly execution_time_ms?: number;
  readonly handler_version?: string;
  readonly retryable?: boolean;
  /** 2.0: wins over the backoff formula. */
  readonly retry_after_ms?: number;
  /** 2.0, as is `attempt`. */
  readonly lease_id?: string;
  readonly attempt?: number;
}

export interface ResultItem {
  readonly step_id: number;
  readonly status: "completed" | "failed" | "error";
  readonly output: RawJson;
  /** JSON text of `{message, code?, backtrace?, ...}` or `null`. */
  readonly error: RawJson;
  /** `error.code` where there is one. */
  readonly error_code: string | null;
  readonly metadata: ResultMetadata;
}

/** On `results`. Partial batches are welcome, several batches' results in one message are not. */
export interface ResultMessage {
  readonly batch_id: string;
  readonly protocol_version: ProtocolVersion;
  /** 2.0: the sender's session. */
  readonly session?: string;
  readonly results: readonly ResultItem[];
}
