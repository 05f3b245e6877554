import { expect, it } from "vitest";
import { EventStreamReader } from "./event-stream.ts";

const text =
  ': hello\n\nid: 1\nevent: transition\ndata: {"a":1}\n\ndata: x\r\ndata: y\r\n\r\nid: 2\nevent:end\ndata:\n\nevent: nothing\n\n';
const events = [
  { type: "transition", id: "1", data: '{"a":1}' },
  { type: "message", id: "1", data: "x\ny" },
  { type: "end", id: "2", data: "" },
];

it("reads events, comments and several lines of data", () => {
  expect(new EventStreamReader().push(text)).toEqual(events);
});

it.each([1, 2, 3, 7])("reads the same from pieces of %i characters", (size) => {
  const reader = new EventStreamReader();
  const found = [];
  for (let at = 0; at < text.length; at += size) found.push(...reader.push(text.slice(at, at + size)));
  expect(found).toEqual(events);
});
