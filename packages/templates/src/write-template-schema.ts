/** Writes `template.schema.json`. Run it after a change of the keys: `npm run schema -w packages/templates`. */
import { writeFileSync } from "node:fs";
import { templateSchema } from "./template-schema.ts";

writeFileSync(new URL("../template.schema.json", import.meta.url), `${JSON.stringify(templateSchema, null, 2)}\n`);
