/** Reads `protocol_version`. A receiver takes exactly the versions it knows; new ones are agreed on in hello and welcome. */
import { type ProtocolVersion, protocolVersions } from "../messages.ts";
import { ProtocolError } from "../protocol-error.ts";
import { describe } from "./fields.ts";

/** Of a batch or of results. */
export function readVersion(value: unknown): ProtocolVersion {
  return readOneOfVersions(value, protocolVersions);
}

/** Of every other message: they exist in 2.0 only. */
export function readSessionVersion(value: unknown): "2.0" {
  return readOneOfVersions(value, ["2.0"]);
}

function readOneOfVersions<T extends string>(value: unknown, known: readonly T[]): T {
  if (known.includes(value as T)) return value as T;
  const code = value === undefined ? "missing" : "unsupported_version";
  throw new ProtocolError(code, "protocol_version", `"${known.join('" or "')}"`, describe(value));
}
