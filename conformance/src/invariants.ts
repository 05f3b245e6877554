/**
 * What must hold for every message of a worker, in every case. The recordings of all stages are looked through when the
 * cases are over; each of these is reported as a case of its own, `always/...`.
 */
import type { HelloMessage } from "@tasker/protocol";
import { CaseFailure, demand, type Protocol } from "./case.ts";
import { duplicateMember } from "./duplicate-member.ts";
import type { Message } from "./proxy/message.ts";
import type { Recording } from "./proxy/recording.ts";
import { saidOf } from "./stage.ts";

export interface Invariant {
  readonly name: string;
  readonly clauses: readonly string[];
  readonly protocols: readonly Protocol[];
  /** @throws CaseFailure */
  check(recording: Recording, concurrency: number): void;
}

const both = ["1.0", "2.0"] as const;
const session = ["2.0"] as const;

export const invariants: readonly Invariant[] = [
  {
    name: "always/every-frame-is-a-message",
    clauses: ["R-1", "R-8", "R-27", "R-49", "R-69", "R-71", "R-76"],
    protocols: both,
    check(recording) {
      for (const message of fromWorker(recording)) {
        demand(message.parts.length === 1, "one frame", `${message.parts.length}`, message);
        const { said } = message;
        if (said instanceof Error)
          throw new CaseFailure("a message as the specification has it", said.message, message);
        const [refused] = said.type === "results" ? said.refused : [];
        if (refused !== undefined)
          throw new CaseFailure("results as the specification has them", refused.error.message, message);
      }
    },
  },
  {
    name: "always/no-duplicate-members",
    clauses: ["R-7"],
    protocols: both,
    check(recording) {
      for (const message of fromWorker(recording)) {
        if (message.isMsgpack) continue;
        const name = duplicateMember(message.payload);
        demand(name === null, "every member once", `${JSON.stringify(name)} twice in one object`, message);
      }
    },
  },
  {
    name: "always/no-zmtp-heartbeats",
    clauses: ["R-4"],
    protocols: both,
    check({ notices }) {
      const pings = notices.filter(({ kind, socket }) => kind === "ping" && socket === "steps");
      demand(pings.length === 0, "no ZMTP PING on the worker's SUB", `${pings.length}`);
    },
  },
  {
    name: "always/a-session-is-one-pair-of-sockets",
    clauses: ["R-2", "R-31", "R-55"],
    protocols: session,
    check(recording) {
      const sessions = new Map<number, string>();
      for (const message of fromWorker(recording)) {
        const { connection } = message.origin;
        const name = String(message.json?.session);
        const known = sessions.get(connection);
        demand(known === undefined || known === name, `the session of this connection, ${known}`, name, message);
        sessions.set(connection, name);
      }
      for (const { kind, socket, topic } of recording.notices) {
        if (kind !== "subscribed" || socket !== "steps") continue;
        const form = /^@.+-[0-9a-f]{8} $/.test(topic);
        demand(form, 'subscriptions to "@", the session, and a space', JSON.stringify(topic));
      }
    },
  },
  {
    name: "always/results-belong-to-their-batch",
    clauses: ["R-19", "R-20", "R-49"],
    protocols: both,
    check(recording) {
      const batches = new Map<string, { batchId: string; stepId: number; attempt: number }>();
      for (const message of recording.messages) {
        if (!message.isFromWorker) noteBatch(batches, message);
        const results = saidOf(message, "results");
        for (const { step_id, metadata } of results?.results ?? []) {
          const lease = metadata.lease_id ?? `${results!.batch_id}.${step_id}`;
          const given = batches.get(lease);
          demand(given !== undefined, "a lease that some batch brought", lease, message);
          const wanted = `batch ${given!.batchId}, step ${given!.stepId}`;
          const isIt = given!.batchId === results!.batch_id && given!.stepId === step_id;
          demand(isIt, wanted, `batch ${results!.batch_id}, step ${step_id}`, message);
          const attempt = metadata.attempt ?? given!.attempt;
          demand(attempt === given!.attempt, `attempt ${given!.attempt}`, `${metadata.attempt}`, message);
        }
      }
    },
  },
  {
    name: "always/one-answer-to-a-lease",
    clauses: ["R-50", "R-53"],
    protocols: session,
    check(recording) {
      const answers = new Map<string, string>();
      for (const message of recording.messages) {
        for (const { metadata, status, output, error, error_code } of saidOf(message, "results")?.results ?? []) {
          if (error_code === "timeout") continue;
          const answer = `${status} ${output} ${error}`;
          const first = answers.get(metadata.lease_id!);
          demand(first === undefined || first === answer, `the same bytes: ${first}`, answer, message);
          answers.set(metadata.lease_id!, answer);
        }
      }
    },
  },
  {
    name: "always/no-reject-of-what-has-begun",
    clauses: ["R-25"],
    protocols: session,
    check(recording) {
      const answered = new Set<string>();
      const rejected = new Set<string>();
      for (const message of recording.messages) {
        for (const { metadata } of saidOf(message, "results")?.results ?? []) answered.add(metadata.lease_id!);
        for (const lease of saidOf(message, "reject")?.lease_ids ?? []) rejected.add(lease);
        const twice = [...rejected].find((lease) => answered.has(lease));
        demand(twice === undefined, "a lease to be rejected or answered, not both", `${twice} is both`, message);
      }
    },
  },
  {
    name: "always/nothing-after-bye",
    clauses: ["R-26", "R-61", "R-62"],
    protocols: session,
    check(recording) {
      const over = new Set<string>();
      for (const message of fromWorker(recording)) {
        const name = String(message.json?.session);
        demand(!over.has(name), "nothing of a session after its bye", message.type, message);
        if (message.type === "bye") over.add(name);
      }
    },
  },
  {
    name: "always/heartbeats-are-true",
    clauses: ["R-41", "R-42", "R-65"],
    protocols: session,
    check(recording, concurrency) {
      const epochs = new Map<string, Set<string>>();
      const seqs = new Map<string, Set<number>>();
      for (const message of recording.messages) {
        if (!message.isFromWorker) noteSeq(epochs, seqs, message);
        const beat = saidOf(message, "heartbeat");
        if (beat === undefined) continue;
        const known = epochs.get(beat.session) ?? new Set();
        demand(known.has(beat.epoch), "an epoch that a welcome of this session has named", beat.epoch, message);
        const isSeen = beat.last_seq === 0 || seqs.get(beat.session)?.has(beat.last_seq) === true;
        demand(isSeen, "a last_seq that a batch of this session had, or 0", String(beat.last_seq), message);
        const { capacity } = beat;
        demand(capacity <= concurrency, `a capacity of at most ${concurrency}`, String(capacity), message);
      }
    },
  },
  {
    name: "always/last-seq-never-falls",
    clauses: ["R-65"],
    protocols: session,
    check(recording) {
      const last = new Map<string, number>();
      for (const message of recording.messages) {
        const beat = saidOf(message, "heartbeat");
        if (beat === undefined) continue;
        const before = last.get(beat.session) ?? 0;
        demand(beat.last_seq >= before, `a last_seq of at least ${before}`, String(beat.last_seq), message);
        last.set(beat.session, beat.last_seq);
      }
    },
  },
  {
    name: "always/no-hello-after-refuse",
    clauses: ["R-34"],
    protocols: session,
    check(recording) {
      const refused = new Map<string, { hello: HelloMessage | undefined; at: number }>();
      const hellos = new Map<string, HelloMessage>();
      for (const message of recording.messages) {
        if (message.type === "refuse" && !message.isFromWorker) {
          const name = message.topic.slice(1);
          refused.set(name, { hello: hellos.get(name), at: message.at });
        }
        const hello = saidOf(message, "hello");
        if (hello === undefined) continue;
        hellos.set(hello.session, hello);
        const refusal = refused.get(hello.session);
        // One may have been on its way.
        const isAgain = refusal !== undefined && message.at - refusal.at > 1_000;
        demand(!isAgain, "no hello of a session that was refused", "one more", message);
      }
    },
  },
];

function fromWorker({ messages }: Recording): Message[] {
  return messages.filter(({ isFromWorker }) => isFromWorker);
}

function noteBatch(batches: Map<string, { batchId: string; stepId: number; attempt: number }>, message: Message): void {
  if (message.type !== "batch" || !Array.isArray(message.json?.steps)) return;
  const batchId = String(message.json.batch_id);
  for (const step of message.json.steps) {
    const plain = step?.metadata?.lease_id === undefined;
    const lease = plain ? `${batchId}.${step?.step_id}` : String(step.metadata.lease_id);
    // A lease that comes again in another batch is to be ignored there.
    if (!batches.has(lease))
      batches.set(lease, { batchId, stepId: Number(step?.step_id), attempt: Number(step?.metadata?.attempt) });
  }
}

function noteSeq(epochs: Map<string, Set<string>>, seqs: Map<string, Set<number>>, message: Message): void {
  const name = message.topic.slice(1);
  if (message.type === "welcome") addTo(epochs, name, String(message.json.epoch));
  if (message.type === "batch") addTo(seqs, name, Number(message.json.seq));
}

function addTo<T>(map: Map<string, Set<T>>, key: string, value: T): void {
  const values = map.get(key) ?? new Set<T>();
  map.set(key, values.add(value));
}
