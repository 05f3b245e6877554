import { expect, test } from "vitest";
import { readEndpoint } from "./endpoints.ts";

test.each([
  ["ipc:///run/tasker/steps.sock", "/run/tasker/steps.sock"],
  ["ipc://relative.sock", "relative.sock"],
  ["tcp://127.0.0.1:5555", null],
  ["tcp://127.8.0.1:*", null],
  ["tcp://localhost:5555", null],
  ["tcp://[::1]:5555", null],
  ["inproc://steps", null],
])("%s is an endpoint", (text, path) => {
  expect(readEndpoint(text, "steps", false)).toMatchObject({ text, path });
});

test.each([
  "tcp://*:5555",
  "tcp://0.0.0.0:5555",
  "tcp://[::]:5555",
  "tcp://eth0:5555",
  "tcp://10.0.0.7:5555",
  "tcp://127.evil.example:5555",
  "ipc://@abstract",
])("%s would let strangers in, unless that is allowed", (text) => {
  expect(() => readEndpoint(text, "steps", false)).toThrow(/^steps: /);
  expect(readEndpoint(text, "steps", true).text).toBe(text);
});

test.each([
  ["5555", "is not an endpoint"],
  ["udp://127.0.0.1:5555", "is not an endpoint"],
  ["tcp://127.0.0.1", "is not tcp://HOST:PORT"],
  ["tcp://127.0.0.1:http", "is not tcp://HOST:PORT"],
  ["tcp://127.0.0.1:65536", "is not tcp://HOST:PORT"],
  ["tcp://:5555", "is not tcp://HOST:PORT"],
  ["ipc://", "has no path"],
  ["inproc://", "has no name"],
  [`ipc:///tmp/${"x".repeat(110)}`, "115 bytes"],
])("%s is refused: %s", (text, message) => {
  expect(() => readEndpoint(text, "results", true)).toThrow(message);
});
