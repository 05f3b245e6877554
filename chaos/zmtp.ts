/**
 * Messages out of a TCP stream of ZeroMQ (ZMTP 3: a greeting of 64 bytes, then frames), and back: so that a proxy can
 * lose, double and reorder whole messages, as a broken network of brokers would, while the connection stays sound.
 */

const greetingBytes = 64;
const commandFlag = 4;
const longFlag = 2;

/** A frame with its header, as it came. */
export interface Frame {
  readonly bytes: Buffer;
  /** Null for the greeting, commands and subscriptions, which nobody may touch. */
  readonly message: Buffer | null;
}

/** Cuts one direction of a connection into frames. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);
  /** Bytes of the greeting still to come. They pass as they come: each side waits for the other's first ten. */
  #greeting = greetingBytes;

  read(chunk: Buffer): Frame[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: Frame[] = [];
    for (let frame = this.#next(); frame !== null; frame = this.#next()) frames.push(frame);
    return frames;
  }

  #next(): Frame | null {
    if (this.#greeting > 0) {
      if (this.#rest.length === 0) return null;
      const bytes = this.#take(Math.min(this.#greeting, this.#rest.length));
      this.#greeting -= bytes.length;
      return { bytes, message: null };
    }
    if (this.#rest.length < 2) return null;
    const flags = this.#rest[0]!;
    const isLong = (flags & longFlag) !== 0;
    const header = isLong ? 9 : 2;
    if (this.#rest.length < header) return null;
    const size = header + (isLong ? Number(this.#rest.readBigUInt64BE(1)) : this.#rest[1]!);
    if (this.#rest.length < size) return null;
    const bytes = this.#take(size);
    const body = bytes.subarray(header);
    // Topics are text; a body that begins with 0 or 1 is a subscription.
    const isMessage = (flags & commandFlag) === 0 && body.length > 0 && body[0]! > 1;
    return { bytes, message: isMessage ? body : null };
  }

  #take(count: number): Buffer {
    const taken = this.#rest.subarray(0, count);
    this.#rest = this.#rest.subarray(count);
    return taken;
  }
}
