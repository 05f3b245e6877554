import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { configReference } from "./reference.ts";

it("is the page docs/reference/configuration.md; `npm run reference` writes it", () => {
  const page = new URL("../../../../docs/reference/configuration.md", import.meta.url);
  expect(readFileSync(page, "utf8")).toBe(configReference());
});
