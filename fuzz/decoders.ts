/** The codec under test: whatever comes, a decoder answers with a message or a typed error, and what it read it reads again. */
import {
  type Codec,
  type CodecLimits,
  codecs,
  decodeBatch,
  decodeControl,
  decodeOrchestratorMessage,
  decodeResults,
  decodeWorkerMessage,
  defaultLimits,
  encodeControl,
  encodeResults,
  encodeWorkerMessage,
  ProtocolError,
  type ProtocolErrorCode,
} from "@tasker/protocol";
import { must } from "./violation.ts";

/** So small that frames of a few kilobytes reach every one of them. */
export const tightLimits: CodecLimits = {
  ...defaultLimits,
  messageBytes: 8_192,
  outputBytes: 4_096,
  progressBytes: 512,
  resultsPerMessage: 16,
  stepsPerBatch: 16,
  handlers: 8,
  leases: 64,
};

/** A refusal goes into logs: it is short, whatever it is about. */
const longestError = 2_048;

type Decode = (frame: Uint8Array, limits: CodecLimits) => unknown;

const decoders: readonly Decode[] = [
  decodeResults,
  decodeWorkerMessage,
  decodeBatch,
  decodeControl,
  decodeOrchestratorMessage,
];

/** How often each refusal came, and how often none did. */
export class Verdicts {
  readonly counts = new Map<ProtocolErrorCode | "read", number>();

  add(verdict: ProtocolErrorCode | "read"): void {
    this.counts.set(verdict, (this.counts.get(verdict) ?? 0) + 1);
  }
}

/** One frame through every decoder, under limits of its own and the real ones. @throws Violation */
export function judgeFrame(frame: Buffer, verdicts: Verdicts): void {
  for (const decode of decoders) {
    const message = attempt(() => decode(frame, tightLimits), verdicts);
    if (message === null || decode === decodeBatch || decode === decodeOrchestratorMessage) continue;
    for (const codec of codecs) {
      if (codec === "msgpack" && (message as { protocol_version: string }).protocol_version === "1.0") continue;
      const again = bytesOf(encodeAgain(decode, message, codec));
      const same = decode(again, { ...tightLimits, messageBytes: 10 * tightLimits.messageBytes });
      must(textOf(same) === textOf(message), () => `read again, it is another: ${again}`);
    }
  }
}

function encodeAgain(decode: Decode, message: unknown, codec: Codec): string | Uint8Array {
  if (decode === decodeResults) return encodeResults(message as never, codec);
  if (decode === decodeWorkerMessage) return encodeWorkerMessage(message as never, codec);
  return encodeControl("w1-0a1b2c3d", message as never, codec);
}

function bytesOf(frame: string | Uint8Array): Buffer {
  return typeof frame === "string" ? Buffer.from(frame) : Buffer.from(frame);
}

/**
 * Items that were refused are not written again. Text for people (a `reason`) may have a lone surrogate in JSON, as an escape;
 * MessagePack has no form for it, and it becomes U+FFFD there. In payloads escapes stay what they are.
 */
function textOf(message: unknown): string {
  return JSON.stringify(message, (name, value) => {
    if (name === "refused") return undefined;
    return typeof value === "string" ? value.toWellFormed() : value;
  });
}

function attempt(read: () => unknown, verdicts: Verdicts): unknown {
  try {
    const message = read();
    verdicts.add("read");
    for (const { error } of (message as { refused?: readonly { error: ProtocolError }[] }).refused ?? [])
      judgeError(error);
    return message;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    judgeError(error);
    verdicts.add(error.code);
    return null;
  }
}

function judgeError({ message }: ProtocolError): void {
  must(message.length <= longestError, () => `a refusal of ${message.length} characters: ${message.slice(0, 200)}`);
}
