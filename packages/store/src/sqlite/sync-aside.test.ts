/** A commit whose fsync runs beside the thread of the turns, on a disk that fails it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { taskRow, templateRow, turn } from "../conformance/rows.ts";
import { openStore } from "../open-store.ts";
import { defaultSegmentBytes } from "./turn-log.ts";

let failing = false;

vi.mock("node:fs", async (original) => {
  const real = await original<typeof import("node:fs")>();
  const fdatasync = (file: number, done: (error: Error | null) => void): void => {
    if (failing) setImmediate(done, Object.assign(new Error("EIO: i/o error, fdatasync"), { code: "EIO" }));
    else real.fdatasync(file, done);
  };
  return { ...real, fdatasync };
});

test("fault 6: is no commit, and the store takes nothing any more", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tasker-sync-aside-"));
  const turnLog = { segmentBytes: defaultSegmentBytes, syncAsideBytes: 1 };
  const store = await openStore({ database: join(folder, "tasker.db"), turnLog });
  await store.commit(turn({ newTemplates: [templateRow(1)] }));
  failing = true;
  await expect(store.commit(turn({ newTasks: [taskRow(1)] }))).rejects.toMatchObject({ failure: "io" });
  failing = false;
  await expect(async () => store.commit(turn({ newTasks: [taskRow(2)] }))).rejects.toMatchObject({ failure: "io" });
  await expect(async () => store.activeTasks(0, 10)).rejects.toMatchObject({ failure: "io" });
  await store.close();
  rmSync(folder, { recursive: true });
});
