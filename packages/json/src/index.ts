export { mayHoldBigInteger, parseLossless, stringifyLossless } from "./lossless.ts";
export { exceedsDepth, RawCursor, type RawSlice, rawElements, rawMembers } from "./raw.ts";
export { findSyntaxError, type SyntaxPlace } from "./syntax-error.ts";
