import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { contextsOf } from "./submission.ts";

test("a context does not keep the rest of its bulk body in memory", () => {
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  const long = "x".repeat(1_000_000);
  const body = (n: number) => `{"tasks":[{"context":{"order_number":${n}}},{"context":{"long":"${n}${long}"}}]}`;
  const kept = Array.from({ length: 200 }, (_, n) => contextsOf(body(n))[0]!);
  expect(kept[7]).toBe('{"order_number":7}');
  collectGarbage();
  // 200 bodies of a megabyte would show.
  expect(process.memoryUsage().heapUsed).toBeLessThan(150e6);
});
