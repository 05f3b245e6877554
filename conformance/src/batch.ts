/** Batches that the kit itself makes, under leases that the orchestrator never gave, to be put in by the proxy. */
import { randomBytes } from "node:crypto";
import { stringifyLossless } from "@tasker/json";

/** A step to be run. Payloads are values, or in the `raw` members JSON text. */
export interface StepSpec {
  readonly handler: string;
  readonly config?: unknown;
  readonly context?: unknown;
  readonly rawContext?: string;
  readonly rawConfig?: string;
  readonly previousResults?: unknown;
  readonly attempt?: number;
  readonly retryLimit?: number;
  readonly timeoutMs?: number | string;
  readonly leaseId?: string;
  readonly idempotencyKey?: string;
  /** The cursor of an earlier attempt. */
  readonly checkpoint?: unknown;
  /** More members of the step, or other ones than above, as JSON text: `"x":1`. They come last, so they count. */
  readonly rawMembers?: string;
}

export interface SentStep {
  readonly stepId: number;
  readonly leaseId: string;
  readonly attempt: number;
  readonly name: string;
}

export interface SentBatch {
  readonly batchId: string;
  readonly seq: number;
  readonly steps: readonly SentStep[];
  readonly frame: Buffer;
}

export interface BatchHead {
  /** `@session` or `steps`. */
  readonly topic: string;
  readonly protocol: string;
  readonly seq: number;
  readonly batchId?: string;
  /** More members of the batch, as JSON text. */
  readonly rawMembers?: string;
}

let lastStepId = 1_000_000;

export function makeBatch(head: BatchHead, specs: readonly StepSpec[]): SentBatch {
  const token = randomBytes(8).toString("hex");
  const batchId = head.batchId ?? `batch_${token}`;
  const plain = head.topic === "steps";
  const steps = specs.map((spec) => {
    const stepId = ++lastStepId;
    const leaseId = spec.leaseId ?? `${batchId}.${stepId}`;
    return { stepId, leaseId, attempt: spec.attempt ?? 1, name: `step_${stepId}` };
  });
  const texts = specs.map((spec, index) => stepText(spec, steps[index]!, plain));
  const session = plain ? "" : `,"type":"batch","seq":${head.seq}`;
  const more = head.rawMembers === undefined ? "" : `,${head.rawMembers}`;
  const text = `${head.topic} {"batch_id":${JSON.stringify(batchId)},"protocol_version":"${head.protocol}"${session},"steps":[${texts.join(",")}]${more}}`;
  return { batchId, seq: head.seq, steps, frame: Buffer.from(text) };
}

function stepText(spec: StepSpec, { stepId, leaseId, attempt, name }: SentStep, plain: boolean): string {
  const key = spec.idempotencyKey ?? `conformance:${name}`;
  const lease = `,"lease_id":${JSON.stringify(leaseId)},"idempotency_key":${JSON.stringify(key)},"task_uuid":"0190f3c2-7b3a-7c11-8a2e-${String(stepId).padStart(12, "0")}"`;
  const cursor = spec.checkpoint === undefined ? "" : `,"checkpoint":${json(spec.checkpoint)}`;
  const bounds = `"retry_limit":${spec.retryLimit ?? 0},"timeout_ms":${spec.timeoutMs ?? 60_000}`;
  const metadata = `{"attempt":${plain ? attempt - 1 : attempt},${bounds}${plain ? "" : lease + cursor}}`;
  const payloads = [
    `"handler_config":${spec.rawConfig ?? json(spec.config ?? {})}`,
    `"task_context":${spec.rawContext ?? json(spec.context ?? {})}`,
    `"previous_results":${json(spec.previousResults ?? {})}`,
  ];
  const more = spec.rawMembers === undefined ? "" : `,${spec.rawMembers}`;
  return `{"step_id":${stepId},"task_id":${stepId},"step_name":"${name}","handler_class":${JSON.stringify(spec.handler)},${payloads.join(",")},"metadata":${metadata}${more}}`;
}

function json(value: unknown): string {
  return stringifyLossless(value)!;
}
