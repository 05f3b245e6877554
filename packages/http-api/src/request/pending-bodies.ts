/**
 * Bodies are read whole, so what all of them together take is bounded. What counts is what has arrived, from then to the end of
 * the answer: a client that announces much and sends nothing takes nothing from others.
 */
import { Transform } from "node:stream";
import { TaskerError } from "@tasker/engine";
import type { FastifyInstance, FastifyRequest } from "fastify";

/** Bodies up to this size are not counted: their number is bounded by that of connections, and counting costs time. */
const smallBytes = 64 * 1024;

/** Refuses a body, as `overloaded`, with the part of it that does not fit any more. */
export function boundPendingBodies(app: FastifyInstance, limitBytes: number): void {
  let pending = 0;
  app.addHook("preParsing", (request, reply, payload, done) => {
    if (isSmall(request)) {
      done(null, payload);
      return;
    }
    let own = 0;
    reply.raw.once("close", () => {
      pending -= own;
    });
    const counted = new Transform({
      transform(chunk: Buffer, _encoding, pass) {
        own += chunk.length;
        pending += chunk.length;
        // A body that is alone is taken, so that no setting refuses it for ever.
        if (pending > limitBytes && pending > own) pass(overloaded(limitBytes));
        else pass(null, chunk);
      },
    });
    payload.once("error", (error) => counted.destroy(error));
    done(null, payload.pipe(counted));
  });
}

function isSmall({ headers }: FastifyRequest): boolean {
  return headers["transfer-encoding"] === undefined && Number(headers["content-length"] ?? 0) <= smallBytes;
}

function overloaded(limitBytes: number): TaskerError {
  const message = `the bodies of other requests take ${limitBytes} bytes, which is the limit`;
  return new TaskerError("overloaded", message, { hint: "Send again in a moment, with the same idempotency key." });
}
