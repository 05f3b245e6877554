/** A share of the HTTP fuzzing for every test run. `make fuzz-http` sends as many requests as one likes. */
import { expect, test } from "vitest";
import { fuzzHttp, prepareHttpFuzzer } from "./fuzz-http.ts";

const missing = prepareHttpFuzzer();
if (missing !== undefined) console.error(`!! SKIPPED: the HTTP fuzzer: ${missing}`);

test.skipIf(missing !== undefined)(
  "fault 37: schemathesis gets no 5xx out of the HTTP API, and no answer that its OpenAPI document does not describe",
  async () => {
    const { passed, output, serverErrors, requests, tasks } = await fuzzHttp({ examples: 15, seed: 1, isShown: false });
    expect(passed ? "nothing found" : output).toBe("nothing found");
    expect(serverErrors).toBe(0);
    expect(requests).toBeGreaterThan(300);
    expect(tasks).toBeGreaterThan(0);
  },
  300_000,
);
