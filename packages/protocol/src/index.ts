export * from "./codec.ts";
export { type CodecLimits, defaultLimits } from "./limits.ts";
export * from "./messages.ts";
export { ProtocolError, type ProtocolErrorCode, type ReadableIds } from "./protocol-error.ts";
