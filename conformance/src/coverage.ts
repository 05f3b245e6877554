/** docs/reference/conformance-coverage.md: for every rule of the specification the cases that check it, or why none can. */
import { readFileSync } from "node:fs";
import { cases } from "./cases/index.ts";
import { vectorCases } from "./cases/malformed.ts";
import { invariants } from "./invariants.ts";

const ofOrchestrator = "binds the orchestrator, whose own tests hold it";

/** Rules that no case checks. */
const outside: Readonly<Record<string, string>> = {
  "R-3": ofOrchestrator,
  "R-13": ofOrchestrator,
  "R-15": ofOrchestrator,
  "R-17": ofOrchestrator,
  "R-21":
    "a SHOULD for plain workers, which nothing outside can tell from chance; a result that is lost that way fails other cases",
  "R-29": ofOrchestrator,
  "R-38": ofOrchestrator,
  "R-39": ofOrchestrator,
  "R-40": ofOrchestrator,
  "R-44": ofOrchestrator,
  "R-45": ofOrchestrator,
  "R-74": ofOrchestrator,
  "R-79": ofOrchestrator,
  "R-84": ofOrchestrator,
  "R-91":
    "the orchestrator never sends such a message, and the kit sends a worker JSON or bytes that are no message at all; vectors check the codecs",
};

export interface Coverage {
  readonly clause: string;
  readonly cases: readonly string[];
  /** Why there are none; null when there are. */
  readonly reason: string | null;
}

/** In the order of the specification; then what is named and does not exist there. */
export function coverage(): readonly Coverage[] {
  const text = (file: string) => readFileSync(new URL(`../../protocol/${file}`, import.meta.url), "utf8");
  const rules = [
    ...text("spec.md").matchAll(/\*\*\[(R-\d+)\]\*\*/g),
    ...text("conformance.md").matchAll(/\*\*\[(C-\d+)\]\*\*/g),
  ];
  const named = [...cases, ...invariants];
  const known = rules
    .map(([, clause]) => clause!)
    .sort((a, b) => (a[0] === b[0] ? number(a) - number(b) : a < b ? 1 : -1));
  const unknown = named.flatMap(({ clauses }) => clauses).filter((clause) => !known.includes(clause));
  return [...known, ...unknown].map((clause) => ({
    clause,
    cases: named.filter(({ clauses }) => clauses.includes(clause)).map(({ name }) => name),
    reason:
      outside[clause] ?? (clause.startsWith("C-") ? "says how the kit starts a worker, or what its handlers do" : null),
  }));
}

function number(clause: string): number {
  return Number(clause.slice(2));
}

export function coveragePage(): string {
  const rows = coverage().map(({ clause, cases: covering, reason }) => {
    const shown = covering.length > 0 ? grouped(covering).join(", ") : `\u2014 ${reason ?? "nothing"}`;
    return `| ${clause} | ${shown} |`;
  });
  const checked = coverage().filter(
    ({ clause, cases: covering }) => clause.startsWith("R-") && covering.length > 0,
  ).length;
  const all = coverage().filter(({ clause }) => clause.startsWith("R-")).length;
  return `# What the conformance kit covers

Made from the cases by \`npm run reference\`. ${checked} of the ${all} rules of the [specification](../../protocol/spec.md) are checked
by at least one case of \`tasker conformance\`, or hold for every message in every case (\`always/...\`); the others, and why no case
checks them, are here too. Rules \`C-n\` are those of [the page for workers](../../protocol/conformance.md).

| rule | cases |
|---|---|
${rows.join("\n")}
`;
}

/** The vectors are many, and alike. */
function grouped(names: readonly string[]): string[] {
  const vectors = names.filter((name) => vectorCases.includes(name));
  const rest = names.filter((name) => !vectorCases.includes(name)).map((name) => `\`${name}\``);
  return vectors.length === 0 ? rest : [...rest, `${vectors.length} vectors (\`malformed/...\`)`];
}
