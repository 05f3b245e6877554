/**
 * The framing of ZMTP 3 (RFC 23, RFC 37), as far as a proxy needs it: where a frame ends, what it holds, and the same
 * again as bytes. The greeting and the handshake pass through unchanged.
 */

export interface ZmtpFrame {
  /** Another frame of the same message follows. */
  readonly more: boolean;
  /** A command of ZMTP itself (READY, SUBSCRIBE, PING, ...), no message. */
  readonly command: boolean;
  readonly body: Buffer;
}

const greetingBytes = 64;
const flagMore = 1;
const flagLong = 2;
const flagCommand = 4;

/** Cuts what one side sends into its greeting, in pieces as they come, and frames. */
export class ZmtpReader {
  #greetingLeft = greetingBytes;
  #chunks: Buffer[] = [];
  #size = 0;
  /** So many bytes are needed before the next frame can be complete. */
  #needed = 2;

  /** @returns greeting bytes, to be passed on as they are, and the frames that are complete now */
  push(chunk: Buffer): { greeting: Buffer; frames: ZmtpFrame[] } {
    const greeting = chunk.subarray(0, this.#greetingLeft);
    this.#greetingLeft -= greeting.length;
    const rest = chunk.subarray(greeting.length);
    if (rest.length > 0) {
      this.#chunks.push(rest);
      this.#size += rest.length;
    }
    return { greeting, frames: this.#size >= this.#needed ? this.#cut() : [] };
  }

  #cut(): ZmtpFrame[] {
    const bytes = Buffer.concat(this.#chunks);
    const frames: ZmtpFrame[] = [];
    let at = 0;
    for (;;) {
      const head = readHead(bytes, at);
      this.#needed = head === null ? bytes.length - at + 1 : head.size + head.length;
      if (head === null || at + this.#needed > bytes.length) break;
      const body = Buffer.from(bytes.subarray(at + head.size, at + this.#needed));
      frames.push({ more: (head.flags & flagMore) !== 0, command: (head.flags & flagCommand) !== 0, body });
      at += this.#needed;
    }
    const rest = bytes.subarray(at);
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#size = rest.length;
    return frames;
  }
}

function readHead(bytes: Buffer, at: number): { flags: number; size: number; length: number } | null {
  if (bytes.length < at + 2) return null;
  const flags = bytes[at]!;
  if ((flags & flagLong) === 0) return { flags, size: 2, length: bytes[at + 1]! };
  return bytes.length < at + 9 ? null : { flags, size: 9, length: Number(bytes.readBigUInt64BE(at + 1)) };
}

export function writeFrame({ more, command, body }: ZmtpFrame): Buffer {
  const flags = (more ? flagMore : 0) | (command ? flagCommand : 0);
  if (body.length < 256) return Buffer.concat([Buffer.from([flags, body.length]), body]);
  const head = Buffer.alloc(9);
  head[0] = flags | flagLong;
  head.writeBigUInt64BE(BigInt(body.length), 1);
  return Buffer.concat([head, body]);
}

export function writeMessage(parts: readonly Buffer[]): Buffer {
  return Buffer.concat(
    parts.map((body, index) => writeFrame({ more: index < parts.length - 1, command: false, body })),
  );
}

/** The name of a command and what follows it. */
export function readCommand(body: Buffer): { name: string; data: Buffer } {
  const end = 1 + (body[0] ?? 0);
  return { name: body.toString("latin1", 1, end), data: body.subarray(end) };
}
