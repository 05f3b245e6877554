import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RecordingLog } from "@tasker/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { watchDisk } from "./disk-watch.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tasker-disk-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("fault 7: a disk with too little space", () => {
  test("is told before it is full", async () => {
    const log = new RecordingLog();
    const end = await watchDisk({ file: join(folder, "tasker.db"), warnBelowBytes: Number.MAX_SAFE_INTEGER, log });
    end();
    expect(log.lines).toMatchObject([{ level: "warn", event: "disk.low" }]);
  });

  test("with enough there is nothing to say", async () => {
    const log = new RecordingLog();
    const end = await watchDisk({ file: join(folder, "tasker.db"), warnBelowBytes: 0, log });
    end();
    expect(log.lines).toEqual([]);
  });
});
