/**
 * Installs what the languages of the workers need on this machine (`make toolchains`); quick when it is all there. What
 * cannot be had is named, and fails only with CI=true: a person may work without every language.
 */
import { languages } from "./languages/all.ts";

let incomplete = false;
for (const language of languages) {
  if (language.missing() !== undefined) language.setUp();
  const missing = language.missing();
  if (missing === undefined) continue;
  incomplete = true;
  console.error(`${language.name} is not set up: ${missing}`);
}
process.exit(incomplete && process.env.CI === "true" ? 1 : 0);
