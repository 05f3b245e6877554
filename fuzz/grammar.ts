/** Messages of both directions by the grammar of the specification: legal ones, with a wrong value here and there. */
import type { SeededRandom } from "@tasker/testkit";
import { oddValue, payload } from "./payloads.ts";
import { between, chance, pick, several } from "./random.ts";
import { Members, type Tree } from "./tree.ts";
import type { Vocabulary } from "./vocabulary.ts";

export interface Message {
  readonly topic: string;
  readonly body: Members;
}

/** How often a member has a value that does not belong there, or is left out. */
const oddLikelihood = 0.012;

const controlTypes = [
  ...["welcome", "welcome", "result_ack", "result_ack", "checkpoint_ack", "checkpoint_ack"],
  ...["ping", "rehello", "cancel", "drain"],
];

export class Grammar {
  readonly #random: SeededRandom;
  readonly #words: Vocabulary;

  constructor(random: SeededRandom, words: Vocabulary) {
    this.#random = random;
    this.#words = words;
  }

  /** @param session of the sender; drawn when not given */
  fromWorker(session = this.#words.session()): Message {
    const draw = this.#random.uniform();
    if (draw < 0.35) return { topic: "results", body: this.#results(session) };
    if (draw < 0.65) return this.#onWorker("heartbeat", session, this.#heartbeat());
    if (draw < 0.85) return this.#onWorker("hello", session, this.hello(session));
    if (draw < 0.95) return this.#onWorker("reject", session, this.#reject());
    return this.#onWorker(pick(this.#random, ["bye", "bye", "greeting", ""]), session, {});
  }

  hello(session: string): Record<string, Tree> {
    const random = this.#random;
    return {
      worker_id: session.slice(0, -9),
      protocols: pick<Tree>(random, [["2.0"], ["1.0", "2.0"], ["2.0", "9.9"], ["9.9"], []]),
      codecs: pick<Tree>(random, [["json"], ["json", "msgpack"], ["msgpack", "json"], ["cbor"], null]),
      language: "test",
      sdk: "fuzz/1",
      version: pick(random, ["1", "2"]),
      pool: pick(random, ["default", "gpu"]),
      handlers: several(random, 4, () => this.#words.handler()),
      capacity: this.#capacity(),
      leases: this.#leases(),
      outbox: this.#leases(),
    };
  }

  /** @param session its receiver */
  fromOrchestrator(session: string): Message {
    return { topic: `@${session}`, body: this.#orchestratorBody() };
  }

  #onWorker(type: string, session: string, rest: Record<string, Tree>): Message {
    return { topic: "worker", body: this.#object({ type, protocol_version: "2.0", session, ...rest }) };
  }

  #heartbeat(): Record<string, Tree> {
    const random = this.#random;
    return {
      epoch: this.#words.epoch(),
      last_seq: pick(random, [0, 1, 2, 5, 100, 2 ** 52, 2 ** 53 - 1]),
      leases: this.#leases(),
      capacity: this.#capacity(),
      progress: several(random, 2, () => this.#object({ lease_id: this.#words.lease(), progress: payload(random) })),
      checkpoints: several(random, 2, () =>
        this.#object({ lease_id: this.#words.lease(), seq: between(random, 1, 4), cursor: payload(random) }),
      ),
    };
  }

  #reject(): Record<string, Tree> {
    const reason = pick(this.#random, ["unknown_handler", "malformed", "draining", "tired"]);
    return { lease_ids: this.#leases(), reason };
  }

  #results(session: string): Members {
    const random = this.#random;
    const plain = chance(random, 0.25);
    const batch = this.#words.lease().replace(/\.\d+$/, "");
    const results = several(random, 4, () => this.#result(batch, plain));
    const version = plain ? { protocol_version: "1.0" } : { protocol_version: "2.0", session };
    return this.#object({ batch_id: batch, ...version, results });
  }

  #result(batch: string, plain: boolean): Tree {
    const random = this.#random;
    const stepId = between(random, 1, 6);
    const lease = chance(random, 0.8) ? `${batch}.${stepId}` : this.#words.lease();
    const failed = chance(random, 0.4);
    const code = pick<Tree>(random, ["timeout", "cancelled", "declined", "a b", null, 7]);
    const metadata = {
      execution_time_ms: pick(random, [0, 1.5, 12]),
      handler_version: "1.2.3",
      retryable: chance(random, 0.7),
      ...(plain ? {} : { lease_id: lease, attempt: between(random, 1, 3), retry_after_ms: pick(random, [0, 500]) }),
    };
    return this.#object({
      step_id: stepId,
      status: failed ? pick(random, ["failed", "error"]) : "completed",
      output: payload(random),
      error: failed ? this.#object({ message: "no", code }) : null,
      metadata: this.#object(metadata),
    });
  }

  #orchestratorBody(): Members {
    const random = this.#random;
    const draw = random.uniform();
    if (draw < 0.4) return this.#batch();
    const type = pick(random, controlTypes);
    const rest = draw > 0.99 ? { type: "refuse", reason: "codec", detail: "no" } : { type, ...this.#controlRest(type) };
    return this.#object({ protocol_version: "2.0", orchestrator_id: "o1", epoch: this.#words.epoch(), ...rest });
  }

  #controlRest(type: string): Record<string, Tree> {
    const random = this.#random;
    switch (type) {
      case "welcome": {
        const limits = { max_message_bytes: 16_000, max_output_bytes: 4_000, max_steps_per_batch: 10 };
        const codec = pick(random, ["json", "json", "json", "msgpack", "cbor"]);
        return { version: "2.0", codec, heartbeat_ms: pick(random, [1, 1_000, 60_000]), limits: this.#object(limits) };
      }
      case "result_ack":
        return { lease_ids: this.#leases(), timeout_ids: this.#leases() };
      case "checkpoint_ack": {
        const refused = pick<Tree>(random, [null, null, "stale_lease", "too_large"]);
        const settled = () => this.#object({ lease_id: this.#words.lease(), seq: between(random, 1, 4), refused });
        return { checkpoints: several(random, 3, settled) };
      }
      case "cancel":
        return { lease_ids: this.#leases(), reason: "task cancelled" };
      case "rehello":
      case "drain":
        return { reason: pick(random, ["unknown_session", "other_epoch", "operator"]) };
      default:
        return {};
    }
  }

  #batch(): Members {
    const random = this.#random;
    const plain = chance(random, 0.1);
    const batch = `batch_${random.below(50)}`;
    const steps = several(random, 4, () => this.#step(batch, plain));
    const rest = plain
      ? { protocol_version: "1.0" }
      : { protocol_version: "2.0", type: "batch", seq: between(random, 1, 400) };
    return this.#object({ batch_id: batch, ...rest, steps });
  }

  #step(batch: string, plain: boolean): Tree {
    const random = this.#random;
    const stepId = between(random, 1, 20);
    const limits = { retry_limit: between(random, 0, 3), timeout_ms: pick(random, [1, 30_000]) };
    const uuid = "0190f3c2-7b3a-7c11-8a2e-000000000001";
    const lease = { lease_id: `${batch}.${stepId}`, idempotency_key: `${uuid}:work`, task_uuid: uuid };
    const attempt = between(random, plain ? 0 : 1, 3);
    return this.#object({
      step_id: stepId,
      task_id: between(random, 1, 3),
      step_name: "work",
      handler_class: this.#words.handler(),
      handler_config: this.#objectPayload(),
      task_context: this.#objectPayload(),
      previous_results: this.#objectPayload(),
      metadata: this.#object(plain ? { attempt, ...limits } : { attempt, ...limits, ...lease }),
    });
  }

  #objectPayload(): Tree {
    return chance(this.#random, 0.8) ? new Members({ of: payload(this.#random) }) : payload(this.#random);
  }

  #leases(): string[] {
    return several(this.#random, 5, () => this.#words.lease());
  }

  #capacity(): number {
    return pick(this.#random, [0, 1, 4, 20, 10_000]);
  }

  /** An object, now and then with a member that is wrong or missing. */
  #object(members: Record<string, Tree>): Members {
    const random = this.#random;
    const object = new Members(members);
    for (let index = object.list.length - 1; index >= 0; index--) {
      if (!chance(random, oddLikelihood)) continue;
      if (chance(random, 0.3)) object.list.splice(index, 1);
      else object.list[index]![1] = oddValue(random);
    }
    return object;
  }
}
