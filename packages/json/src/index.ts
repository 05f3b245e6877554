export { mayHoldBigInteger, parseLossless, stringifyLossless } from "./lossless.ts";
export { type PackedList, PackedListReader, PackedListWriter } from "./packed-list.ts";
export { exceedsDepth, RawCursor, type RawSlice, rawElements, rawMembers } from "./raw.ts";
export { findSyntaxError, type SyntaxPlace } from "./syntax-error.ts";
