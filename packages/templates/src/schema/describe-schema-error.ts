/** What ajv reports, in the words of the rest of Tasker: a JSON path, and what was expected. */
import type { ErrorObject } from "ajv";
import { joinPath, shorten } from "../document/tree.ts";

/** `/items/2/sku` -> `items[2].sku`. A key that is a number reads like an index. */
export function jsonPathOf(pointer: string): string {
  return pointerKeys(pointer).reduce<string>((path, key) => joinPath(path, /^\d+$/.test(key) ? Number(key) : key), "");
}

/** The keys of a JSON pointer (RFC 6901), also of one that is percent-encoded. */
export function pointerKeys(pointer: string): string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
}

export function describeSchemaError(error: ErrorObject): string {
  const params = error.params as Record<string, unknown>;
  switch (error.keyword) {
    case "required":
      return `lacks the property ${JSON.stringify(params.missingProperty)}`;
    case "additionalProperties":
    case "unevaluatedProperties":
      return `has the unknown property ${JSON.stringify(params.additionalProperty ?? params.unevaluatedProperty)}`;
    case "enum":
      return `must be one of ${shorten(JSON.stringify(params.allowedValues), 200)}`;
    case "const":
      return `must be ${shorten(JSON.stringify(params.allowedValue), 200)}`;
    default:
      return error.message ?? `does not satisfy \`${error.keyword}\``;
  }
}
