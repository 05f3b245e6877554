import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { cliReference } from "./reference.ts";

it("is the page docs/reference/cli.md; `npm run reference` writes it", () => {
  const page = new URL("../../../docs/reference/cli.md", import.meta.url);
  expect(readFileSync(page, "utf8")).toBe(cliReference());
});
