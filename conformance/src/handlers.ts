/** The handlers of protocol/conformance.md, section 2. */
import type { Protocol } from "./case.ts";

const plain = [
  "conformance.echo",
  "conformance.inspect",
  "conformance.sleep",
  "conformance.fail",
  "conformance.record",
] as const;

export const requiredHandlers: Readonly<Record<Protocol, readonly string[]>> = {
  "1.0": plain,
  "2.0": [...plain, "conformance.busy", "conformance.crash", "conformance.large"],
};

/** No worker has it (C-10). */
export const unknownHandler = "conformance.unknown";
