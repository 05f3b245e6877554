/** A packed list is read as it was written. */
import { array, boolean, assert as check, constant, double, oneof, property, record, string } from "fast-check";
import { expect, test } from "vitest";
import { PackedListReader, PackedListWriter } from "./packed-list.ts";

test("texts, numbers, flags and what is not there come back in their order", () => {
  const value = oneof(
    record({ is: constant("text" as const), value: oneof(string({ unit: "grapheme" }), constant(null)) }),
    record({ is: constant("number" as const), value: oneof(double({ noNaN: true }), constant(null)) }),
    record({ is: constant("flag" as const), value: boolean() }),
  );
  check(
    property(array(value), (values) => {
      const writer = new PackedListWriter(3);
      for (const item of values) {
        if (item.is === "text") writer.text(item.value);
        else if (item.is === "number") writer.number(item.value);
        else writer.flag(item.value);
      }
      const reader = new PackedListReader(structuredClone(writer.end()));
      const read = values.map((item) => {
        if (item.is === "text") return reader.textOrNull();
        return item.is === "number" ? reader.numberOrNull() : reader.flag();
      });
      expect(read).toEqual(values.map((item) => item.value));
      expect(reader.hasMore).toBe(false);
    }),
  );
});
