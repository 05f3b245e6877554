import { expect, test } from "vitest";
import { duplicateMember } from "./duplicate-member.ts";

test.each([
  ['{"a":1,"a":2}', "a"],
  ['{"x":[{"b":{},"c":1,"b":2}]}', "b"],
  ['{"a":1,"\\u0061":2}', "a"],
])("%s has %s twice", (text, name) => {
  expect(duplicateMember(text)).toBe(name);
});

test.each(['{"a":"a","b":["a","a"]}', '{"a":{"a":{"a":1}},"b":"{\\"a\\":1,\\"a\\":2}"}', "[]", '{"a":"x\\\\","b":1}'])(
  "%s has none",
  (text) => {
    expect(duplicateMember(text)).toBeNull();
  },
);
