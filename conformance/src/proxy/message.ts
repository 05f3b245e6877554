/** One message that passed the proxy: its bytes, and what they say. */
import { parseLossless } from "@tasker/json";
import {
  type DecodedResults,
  decodeResults,
  decodeWorkerMessage,
  defaultLimits,
  readPayload,
  topicOf,
  type WorkerMessage,
} from "@tasker/protocol";

/** What the proxy did with it. */
export type Fate = "passed" | "dropped" | "held" | "doubled" | "changed" | "injected";

export type Said = WorkerMessage | (DecodedResults & { readonly type: "results" });

export interface Origin {
  /** Its place in the recording, from 1. */
  readonly number: number;
  /** Monotonic milliseconds. */
  readonly at: number;
  readonly to: "worker" | "orchestrator";
  /** Which of the worker's connections, from 1. */
  readonly connection: number;
}

const shownChars = 600;
/** Larger frames are those that nobody may take: they are not looked into. */
const mostReadBytes = 16 * 1024 * 1024;

export class Message {
  readonly origin: Origin;
  readonly parts: readonly Buffer[];
  fate: Fate = "passed";
  #json: unknown;
  #said: Said | Error | null = null;
  #isRead = false;

  constructor(origin: Origin, parts: readonly Buffer[]) {
    this.origin = origin;
    this.parts = parts;
  }

  get at(): number {
    return this.origin.at;
  }

  get number(): number {
    return this.origin.number;
  }

  get isFromWorker(): boolean {
    return this.origin.to === "orchestrator";
  }

  get topic(): string {
    return topicOf(this.parts[0]!) ?? "";
  }

  get payload(): string {
    const frame = this.parts[0]!;
    return frame.toString("utf8", frame.indexOf(0x20) + 1);
  }

  /** Whether its first byte begins a MessagePack map. */
  get isMsgpack(): boolean {
    const frame = this.parts[0]!;
    const first = frame[frame.indexOf(0x20) + 1] ?? 0;
    return first >> 4 === 8 || first === 0xde || first === 0xdf;
  }

  /**
   * The payload as a value; undefined where it cannot be read. From JSON integers are exact; from MessagePack the payloads of
   * steps and results stay JSON text.
   */
  // biome-ignore lint/suspicious/noExplicitAny: the cases look at what others sent, whatever it is
  get json(): any {
    if (!this.#isRead) {
      this.#isRead = true;
      if (this.parts[0]!.length > mostReadBytes) return undefined;
      try {
        this.#json = this.isMsgpack
          ? readPayload(this.parts[0]!, null, defaultLimits).value
          : parseLossless(this.payload);
      } catch {
        this.#json = undefined;
      }
    }
    return this.#json;
  }

  /** `results`, `batch`, or the `type` of any other message. */
  get type(): string {
    if (this.topic === "results") return "results";
    return this.json?.type ?? (Array.isArray(this.json?.steps) ? "batch" : "");
  }

  /** What the worker said, read as the orchestrator reads it; an error where the orchestrator would refuse it. */
  get said(): Said | Error {
    this.#said ??= readSaid(this.parts[0]!);
    return this.#said;
  }

  /** For a report: number, direction, fate, and the frame, shortened. */
  describe(): string {
    const text = this.isMsgpack
      ? `${this.topic} (MessagePack) ${JSON.stringify(this.json)}`
      : this.parts.map((part) => part.toString("utf8", 0, shownChars * 4)).join(" | ");
    const shown = text.length > shownChars ? `${text.slice(0, shownChars)}... (${this.parts[0]!.length} bytes)` : text;
    const fate = this.fate === "passed" ? "" : `, ${this.fate}`;
    return `#${this.number} ${this.isFromWorker ? "from" : "to"} the worker${fate}: ${shown}`;
  }
}

function readSaid(frame: Buffer): Said | Error {
  try {
    if (topicOf(frame) === "results") return { type: "results", ...decodeResults(frame) };
    return decodeWorkerMessage(frame);
  } catch (error) {
    return error as Error;
  }
}
