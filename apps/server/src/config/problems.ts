/** What is wrong with a configuration: every problem at once, each with its place and the next step. */

export interface ConfigProblem {
  /** Where it was written: `--http`, `TASKER_HTTP`, `tasker.yaml:3:5`. */
  readonly place: string;
  readonly message: string;
  /** The name that was probably meant. */
  readonly suggestion?: string;
  readonly hint?: string | null;
  /** It can be read, but would open the orchestrator to strangers. */
  readonly notAllowed?: boolean;
}

export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];
  /** For the process: 2 (wrong), or 4 when all that is wrong is that it is not allowed. */
  readonly exitCode: 2 | 4;

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(problemText).join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
    this.exitCode = problems.every(({ notAllowed }) => notAllowed === true) ? 4 : 2;
  }
}

function problemText({ place, message, suggestion, hint }: ConfigProblem): string {
  const meant = suggestion === undefined ? "" : `; did you mean ${suggestion}?`;
  return `${place}: ${message}${meant}${hint == null ? "" : `\n  ${hint}`}`;
}
