/** Types, lint and format of every language that is set up (`make check`); with CI=true every one has to be. */
import { languages } from "./languages/all.ts";

let bad = false;
for (const language of languages) {
  const missing = language.missing();
  if (missing !== undefined) console.error(`SKIPPED: the checks of ${language.name}: ${missing}`);
  if (missing === undefined ? !language.check() : process.env.CI === "true") bad = true;
}
process.exit(bad ? 1 : 0);
