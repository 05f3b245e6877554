/**
 * A peer that speaks ZMTP 3.0 byte by byte over an ipc socket, so that it can do what no ZeroMQ library lets a program do: send
 * subscriptions without any high-water mark, or stop in the middle of a frame.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

/** Signature, version 3.0, mechanism NULL, no server. */
const greeting = Buffer.alloc(64);
greeting.set([0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 0]);
greeting.write("NULL", 12);

const commandFlag = 4;
const longFlag = 2;

export class RawPeer {
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** @param endpoint `ipc://PATH` @param type as which socket it poses */
  static async connect(endpoint: string, type: "SUB" | "PUB"): Promise<RawPeer> {
    const socket = await connected(endpoint.replace("ipc://", ""));
    const peer = new RawPeer(socket);
    await peer.write(greeting);
    await peer.write(frameOf(Buffer.from(`\x05READY\x0bSocket-Type\0\0\0\x03${type}`, "latin1"), commandFlag));
    return peer;
  }

  get isCut(): boolean {
    return this.#socket.destroyed;
  }

  /** Resolves once the kernel has taken it, or the connection is gone. */
  async write(bytes: Buffer): Promise<void> {
    if (this.#socket.destroyed) return;
    await new Promise<void>((resolve) => this.#socket.write(bytes, () => resolve()));
  }

  async cut(): Promise<void> {
    if (!this.#socket.destroyed) await once(this.#socket, "close");
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Tries again while nobody listens there, as every ZeroMQ library does. */
async function connected(path: string): Promise<Socket> {
  for (;;) {
    const socket = connect(path);
    socket.resume();
    try {
      await once(socket, "connect");
      return socket.on("error", () => {});
    } catch (error) {
      if (!["ECONNREFUSED", "ENOENT"].includes((error as NodeJS.ErrnoException).code!)) throw error;
      await pause(10);
    }
  }
}

/** A message of one frame. */
export function frameOf(body: Buffer, flags = 0): Buffer {
  if (body.length < 256) return Buffer.concat([Buffer.from([flags, body.length]), body]);
  const head = Buffer.alloc(9);
  head[0] = flags | longFlag;
  head.writeBigUInt64BE(BigInt(body.length), 1);
  return Buffer.concat([head, body]);
}

export function subscriptionOf(topic: string): Buffer {
  return frameOf(Buffer.from(`\x01${topic}`, "latin1"));
}
