import { expect, test } from "vitest";
import { nearestName } from "./nearest-name.ts";

test("names what was probably meant, or nothing", () => {
  const names = ["namespace", "name", "context", "idempotency_key"];
  expect(nearestName("contxt", names)).toBe("context");
  expect(nearestName("Name", names)).toBe("name");
  expect(nearestName("nmespace", names)).toBe("namespace");
  expect(nearestName("idempotencyKey", names)).toBe("idempotency_key");
  expect(nearestName("payload", names)).toBeUndefined();
  expect(nearestName("x".repeat(1e6), names)).toBeUndefined();
});
