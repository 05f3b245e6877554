import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { EndpointLock } from "./endpoint-lock.ts";
import { temporaryFolder } from "./testing/peers.ts";

const folder = temporaryFolder();
afterAll(() => folder.dispose());

test("fault 10: a lock is held until its process is killed, and what that left behind is removed", async () => {
  const path = join(folder.path, "steps.sock");
  const script = fileURLToPath(new URL("./testing/lock-process.ts", import.meta.url));
  const holder = spawn(process.execPath, [script, path], { stdio: ["pipe", "pipe", "inherit"] });
  await once(holder.stdout, "data");
  expect(() => new EndpointLock(path, "second")).toThrow(`belongs to another process (process ${holder.pid})`);
  expect(existsSync(path)).toBe(true);

  holder.kill("SIGKILL");
  await once(holder, "exit");
  const lock = new EndpointLock(path, "second");
  expect(existsSync(path)).toBe(false);
  lock.release();
});

test("a lock that is released can be taken again", () => {
  const path = join(folder.path, "again.sock");
  new EndpointLock(path, "first").release();
  const second = new EndpointLock(path, "second");
  expect(() => new EndpointLock(path, "third")).toThrow("(second)");
  second.release();
});

test("makes the folder for this user alone, and leaves one that exists as it is", () => {
  const made = join(folder.path, "a", "b", "steps.sock");
  new EndpointLock(made, "x").release();
  expect(statSync(join(folder.path, "a", "b")).mode & 0o777).toBe(0o700);
  const shared = join(folder.path, "shared");
  mkdirSync(shared);
  chmodSync(shared, 0o755);
  new EndpointLock(join(shared, "steps.sock"), "x").release();
  expect(statSync(shared).mode & 0o777).toBe(0o755);
});

test("a folder that cannot be made is named", () => {
  expect(() => new EndpointLock("/dev/null/steps.sock", "x")).toThrow("ipc:///dev/null/steps.sock cannot be used");
});
