/** A JSON body as text and value: the value is what gets checked, the text is what payloads are cut from. */
import { isUtf8 } from "node:buffer";
import { exceedsDepth, findSyntaxError } from "@tasker/json";
import { invalidRequest } from "../problem.ts";

export interface JsonBody {
  readonly text: string;
  readonly value: unknown;
}

/** @throws TaskerError `request_invalid` for bytes that are not UTF-8: replacing them would change a payload */
export function readText(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString("utf8");
  throw invalidRequest("the body is not UTF-8", [], "Encode it as UTF-8 and send again.");
}

/** @throws TaskerError `request_invalid` with line and column */
export function readJson(bytes: Buffer, depth: number): JsonBody {
  const text = readText(bytes);
  if (exceedsDepth(text, depth)) {
    throw invalidRequest(`the body nests objects and arrays more than ${depth} deep`, [], "Flatten it.");
  }
  try {
    return { text, value: JSON.parse(text) };
  } catch (error) {
    const place = findSyntaxError(text);
    if (place === null) throw error;
    throw invalidRequest(
      `the body is not JSON: line ${place.line}, column ${place.column}: ${place.message}`,
      [{ path: "", ...place }],
      text === "" ? "Send a JSON object." : "Correct the JSON and send again.",
    );
  }
}
