import { expect, test } from "vitest";
import { orderOfCalls } from "./trace-order.ts";

const request = '7 read(40<TCP:[1]>, "POST /v1/tasks HTTP/1.1\\r\\n", 65536) = 200';
const write = '7 pwrite64(26</x/tasker.db-turns-a>, "TSK1", 4, 0) = 4';
const sync = "7 fdatasync(26</x/tasker.db-turns-a>) = 0";
const reply = '7 write(40<TCP:[1]>, "HTTP/1.1 201 Created\\r\\n", 20) = 20';
const batch = '9 sendto(50<UNIX:[2]>, "@w {\\"type\\":\\"batch\\"", 20, 0, NULL, 0) = 20';

test("a reply and a batch after the fsync are counted", () => {
  const text = [request, write, sync, reply, batch].join("\n");
  expect(orderOfCalls(text)).toEqual({ replies: 1, batches: 1, acks: 0, unsynced: [] });
});

test.each([
  ["before the fsync", [request, write, reply, sync]],
  ["without any", [request, write, reply]],
  ["after an fsync that failed", [request, write, sync.replace("= 0", "= -1 EIO (Input/output error)"), reply]],
  ["after the fsync of another file", [request, write, sync.replace("-turns-a", "-wal"), reply]],
  [
    "while another thread's fsync is under way",
    [request, write, "7 fdatasync(26</x/tasker.db-turns-a> <unfinished ...>", reply],
  ],
  ["that answers a request which came after the fsync", [write, sync, request, reply]],
])("a reply %s is found", (_when, lines) => {
  expect(orderOfCalls(lines.join("\n")).unsynced).toHaveLength(1);
});

test("the ack of a result that came twice needs no second fsync, that of a new one does", () => {
  const result = (lease: string) => `9 recvfrom(51<UNIX:[3]>, "results {\\"lease_id\\":\\"${lease}\\"", 99, 0) = 99`;
  const ack = '9 sendto(50<UNIX:[2]>, "@w {\\"type\\":\\"result_ack\\"", 20, 0, NULL, 0) = 20';
  const [one, two] = ["batch_0123456789abcdef.1", "batch_0123456789abcdef.2"].map(result);
  expect(orderOfCalls([one, sync, one, ack].join("\n"))).toMatchObject({ acks: 1, unsynced: [] });
  expect(orderOfCalls([one, sync, two, ack].join("\n")).unsynced).toHaveLength(1);
});

test("an fsync counts from its return, a send from its beginning", () => {
  const begun = "7 fdatasync(26</x/tasker.db-turns-a> <unfinished ...>";
  const text = [request, write, begun, "7 <... fdatasync resumed>) = 0", reply].join("\n");
  expect(orderOfCalls(text)).toMatchObject({ replies: 1, unsynced: [] });
});
