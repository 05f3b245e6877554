import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { readCommand, writeFrame, writeMessage, type ZmtpFrame, ZmtpReader } from "./zmtp.ts";

const greeting = Buffer.alloc(64, 7);
const frames: ZmtpFrame[] = [
  { more: false, command: true, body: Buffer.from("\u0005READY") },
  { more: true, command: false, body: Buffer.alloc(0) },
  { more: false, command: false, body: randomBytes(255) },
  { more: false, command: false, body: randomBytes(256) },
  { more: false, command: false, body: randomBytes(70_000) },
];

test.each([1, 2, 9, 63, 64, 65, 1_000, 1_000_000])("frames are found whole in pieces of %d bytes", (size) => {
  const bytes = Buffer.concat([greeting, ...frames.map(writeFrame)]);
  const reader = new ZmtpReader();
  const greetings: Buffer[] = [];
  const found: ZmtpFrame[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const piece = reader.push(bytes.subarray(at, at + size));
    greetings.push(piece.greeting);
    found.push(...piece.frames);
  }
  expect(Buffer.concat(greetings)).toEqual(greeting);
  expect(found).toEqual(frames);
});

test("a message of several parts says of all but the last that more follows", () => {
  const reader = new ZmtpReader();
  reader.push(greeting);
  const { frames: parts } = reader.push(writeMessage([Buffer.from("a"), Buffer.from("b"), Buffer.from("c")]));
  expect(parts.map(({ more }) => more)).toEqual([true, true, false]);
});

test("a command is its name and what follows", () => {
  const { name, data } = readCommand(Buffer.from("\u0009SUBSCRIBE@w1-0a1b2c3d "));
  expect(name).toBe("SUBSCRIBE");
  expect(data.toString()).toBe("@w1-0a1b2c3d ");
});
