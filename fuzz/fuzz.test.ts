/** A share of the fuzzing for every test run. `make fuzz` sends as many messages as one likes. */
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { Verdicts } from "./decoders.ts";
import { fuzz } from "./fuzz.ts";
import { runRound } from "./round.ts";

const messages = 150_000;
/** Found by `make fuzz`; each broke once. */
const regressions = [
  [13, "a heartbeat whose last_seq left no room for the next batch"],
  [107, "leases of a session that had just lost its place were reported missing"],
] as const;

describe("fault 37: hostile messages", () => {
  test(`${messages} of them break neither codec nor session machines, and memory does not grow`, async () => {
    const outcome = await fuzz({ firstSeed: 1, messages, threads: 2 });
    expect(outcome.failures).toEqual([]);
    expect(outcome.messages).toBeGreaterThanOrEqual(messages);
    // Each refusal that there is has been provoked, and much was read.
    expect([...outcome.verdicts.keys()].sort()).toEqual([
      ...["invalid_frame", "invalid_json", "invalid_msgpack", "invalid_utf8", "invalid_value", "missing", "read"],
      ...["too_deep", "too_large", "too_many", "unknown_type", "unsupported_version", "wrong_type"],
    ]);
  }, 180_000);

  test.each(regressions)("seed %i: %s", (seed) => {
    expect(runRound(seed, new Verdicts())).toBeGreaterThan(0);
  });

  test("a seed gives the same frames again", () => {
    const digest = () => {
      const hash = createHash("sha256");
      runRound(7, new Verdicts(), { print: (frame) => hash.update(frame) });
      return hash.digest("hex");
    };
    expect(digest()).toBe(digest());
  });
});
