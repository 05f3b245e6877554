import { describe, expect, it } from "vitest";
import { clip, duration, oneLine, pad, table, visible, widthOf } from "./text.ts";

describe("text from elsewhere", () => {
  it("cannot drive the terminal", () => {
    expect(visible("a\x1b[2Jb\x07c\u009bd")).toBe("a\\x1b[2Jb\\x07c\\x9bd");
    expect(visible("one\r\ntwo\tthree")).toBe("one  two three");
    expect(visible("\u202eevil")).toBe("\\u202eevil");
    expect(visible("grüße 日本 😀")).toBe("grüße 日本 😀");
  });

  it("is as wide as a terminal shows it", () => {
    expect(widthOf("abc")).toBe(3);
    expect(widthOf("日本")).toBe(4);
    expect(widthOf("e\u0301")).toBe(1);
    expect(widthOf("👩‍👩‍👧")).toBe(2);
    expect(widthOf("█░·…")).toBe(4);
  });

  it.each([
    ["abcdef", 6, "abcdef"],
    ["abcdef", 5, "abcd…"],
    ["日本語", 5, "日本…"],
    ["日本語", 4, "日…"],
    ["abc", 1, "…"],
    ["abc", 0, ""],
    ["", 0, ""],
  ])("%j in %i columns is %j", (text, width, clipped) => {
    expect(clip(text, width)).toBe(clipped);
    expect(widthOf(clip(text, width))).toBeLessThanOrEqual(width);
  });

  it("is padded by columns, not by characters", () => {
    expect(`${pad("日", 4)}|`).toBe("日  |");
  });
});

describe("a table", () => {
  const head = ["NAME", "STATUS", "DETAIL"];
  const rows = [
    ["validate", "completed", "x".repeat(60)],
    ["a_much_longer_name_than_others", "failed", "short"],
  ];

  it("has columns two spaces apart, as wide as their widest cell", () => {
    expect(
      table(
        ["A", "B"],
        [
          ["1", "22"],
          ["333", "4"],
        ],
        { columns: 80, color: false },
      ),
    ).toEqual(["A    B", "1    22", "333  4"]);
  });

  it.each([24, 40, 60, 80])("fits into %i columns, clipping the last column first", (columns) => {
    for (const line of table(head, rows, { columns, color: false })) expect(widthOf(line)).toBeLessThanOrEqual(columns);
  });

  it("is not clipped where there is no terminal", () => {
    expect(table(head, rows, { columns: Number.POSITIVE_INFINITY, color: false })[1]).toContain("x".repeat(60));
  });
});

it.each([
  [0, "0 ms"],
  [850, "850 ms"],
  [12_340, "12.3 s"],
  [59_999, "59.9 s"],
  [245_000, "4 m 05 s"],
  [12_000_000, "3 h 20 m"],
  [187_200_000, "2 d 4 h"],
])("%i ms is %s", (ms, text) => {
  expect(duration(ms)).toBe(text);
});

it("puts JSON on one line without changing a value", () => {
  const json = '{\n  "id": 9007199254740993,\r\n  "text": "a\\nb"\n}\n';
  expect(oneLine(json)).toBe('{   "id": 9007199254740993,   "text": "a\\nb" }');
});
