/**
 * What is wrong with a message that came from the wire: a stable code, the place, what was expected there, and the ids
 * that could still be read, so that the refusal can be logged, counted and answered.
 */

export type ProtocolErrorCode =
  /** The frame, or one payload in it, is larger than the limit. */
  | "too_large"
  /** No `topic SP payload`, or another topic than this message has. */
  | "invalid_frame"
  | "invalid_utf8"
  /** Not JSON text: truncated, a raw NUL, a byte order mark, ... */
  | "invalid_json"
  /** Not MessagePack, or a form of it that messages do not have: binary, extensions, keys that are not text, ... */
  | "invalid_msgpack"
  /** Objects and arrays nested deeper than the limit. */
  | "too_deep"
  | "unsupported_version"
  /** No such message. A receiver ignores it: a newer peer may send it. */
  | "unknown_type"
  | "missing"
  | "wrong_type"
  /** The right type, but not a legal value: range, pattern, or not one of the names. */
  | "invalid_value"
  /** More elements than the limit. */
  | "too_many";

/** Ids of the message or item that is wrong; null where they could not be read. */
export interface ReadableIds {
  readonly batchId: string | null;
  readonly stepId: number | null;
  readonly leaseId: string | null;
  readonly session: string | null;
}

const noIds: ReadableIds = { batchId: null, stepId: null, leaseId: null, session: null };

export class ProtocolError extends Error {
  readonly code: ProtocolErrorCode;
  /** JSON path in the payload, e.g. `results[3].status`; empty for the message itself. */
  readonly path: string;
  /** What should have been there, e.g. `an integer from 1 to 9007199254740991`. */
  readonly expected: string;
  /** What was there, shortened. */
  readonly got: string;
  readonly ids: ReadableIds;

  constructor(
    code: ProtocolErrorCode,
    path: string,
    expected: string,
    got: string,
    options: { ids?: ReadableIds; cause?: unknown } = {},
  ) {
    const ids = options.ids ?? noIds;
    super(`${path === "" ? "message" : path}: expected ${expected}, got ${got}${describeIds(ids)}`, {
      cause: options.cause,
    });
    this.name = "ProtocolError";
    this.code = code;
    this.path = path;
    this.expected = expected;
    this.got = got;
    this.ids = ids;
  }

  /** The same error, seen from the value that contains this one at `path`. */
  within(path: string, ids: Partial<ReadableIds> = {}): ProtocolError {
    const inner = this.path === "" || this.path.startsWith("[") ? this.path : `.${this.path}`;
    const whole = path === "" ? this.path : path + inner;
    return new ProtocolError(this.code, whole, this.expected, this.got, {
      ids: { ...this.ids, ...ids },
      cause: this.cause,
    });
  }
}

function describeIds(ids: ReadableIds): string {
  const known = [
    ids.session === null ? null : `session ${ids.session}`,
    ids.batchId === null ? null : `batch ${ids.batchId}`,
    ids.stepId === null ? null : `step ${ids.stepId}`,
    ids.leaseId === null ? null : `lease ${ids.leaseId}`,
  ].filter((id) => id !== null);
  return known.length === 0 ? "" : ` (${known.join(", ")})`;
}
