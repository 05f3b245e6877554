/**
 * Runs the test suite of every language, or of those that are named as arguments, and ends with what did not pass and the
 * plain line `N passed, N failed` (with the skipped, where there are any). A language that is not set up counts as one skipped test;
 * with CI=true a skipped test is a failure: what was not run was not shown.
 */
import { languages } from "./languages/all.ts";
import { type Counts, type Language, sum } from "./languages/language.ts";

const named = process.argv.slice(2);
const unknown = named.filter((name) => languages.every((language) => language.name !== name));
if (unknown.length > 0) {
  console.error(
    `no suite of that name: ${unknown.join(", ")}; there are ${languages.map(({ name }) => name).join(", ")}`,
  );
  process.exit(2);
}
const chosen = languages.filter(({ name }) => named.length === 0 || named.includes(name));
const suites = chosen.map((language) => ({ name: language.name, counts: countsOf(language) }));
const total = suites.map(({ counts }) => counts).reduce(sum);

console.log();
for (const { name, counts } of suites) {
  for (const text of counts.notPassed) console.log(`${name.padEnd(12)} ${text}`);
}
for (const { name, counts } of suites) console.log(`${name.padEnd(12)} ${described(counts)}`);
const strict = process.env.CI === "true" && total.skipped > 0;
if (strict) console.error(`${total.skipped} skipped: in CI every test has to run`);
console.log(described(total));
process.exit(total.failed > 0 || strict ? 1 : 0);

function countsOf(language: Language): Counts {
  const missing = language.missing();
  if (missing === undefined) {
    console.log(`\n\u2014\u2014 ${language.name}`);
    return language.test();
  }
  console.error(`\n!! SKIPPED: all tests of ${language.name}: ${missing}\n`);
  return { passed: 0, failed: 0, skipped: 1, notPassed: [`skipped: all of its tests: ${missing}`] };
}

function described({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}
