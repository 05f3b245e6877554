/** Writes the pages of docs/reference that are made from the code: settings, limits and command line. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cliReference } from "../apps/cli/src/reference.ts";
import { limitsReference } from "../apps/server/src/config/limits-reference.ts";
import { configReference } from "../apps/server/src/config/reference.ts";
import { coveragePage } from "../conformance/src/coverage.ts";

const folder = join(import.meta.dirname, "../docs/reference");
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "configuration.md"), configReference());
writeFileSync(join(folder, "limits.md"), limitsReference());
writeFileSync(join(folder, "cli.md"), cliReference());
writeFileSync(join(folder, "conformance-coverage.md"), coveragePage());
