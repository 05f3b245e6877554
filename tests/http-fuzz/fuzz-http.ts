/**
 * Schemathesis against the OpenAPI document that a real orchestrator serves, with a real worker behind it: requests that fit the
 * document, that break it, and sequences of them. It runs in a Python environment of its own, made beside this file.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { System } from "../system.ts";

const folder = import.meta.dirname;
const environment = join(folder, ".venv");
const program = join(environment, "bin/schemathesis");
const requirements = join(folder, "requirements.txt");
/** Holds what the environment was made from. */
const stamp = join(environment, "made-from");
/** The machine's first Python may be another than Debian's, and may lack what makes environments. */
const pythons = ["python3", "/usr/bin/python3"];
const canMakeEnvironments = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))";

export interface HttpFuzzPlan {
  /** Requests that are drawn for each operation, in each phase. */
  readonly examples: number;
  readonly seed: number;
  /** Whether what it prints goes to this terminal. */
  readonly isShown: boolean;
}

export interface HttpFuzzOutcome {
  /** No answer of a 5xx status, none that the document does not describe. */
  readonly passed: boolean;
  readonly output: string;
  /** Requests that the orchestrator answered, and those of them that it answered with a 5xx. */
  readonly requests: number;
  readonly serverErrors: number;
  /** Those that got as far as a new task. */
  readonly tasks: number;
}

/** Makes the environment when it is not there. @returns what is missing for that; undefined when it is there */
export function prepareHttpFuzzer(): string | undefined {
  const madeFrom = createHash("sha256").update(readFileSync(requirements)).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === madeFrom) return undefined;
  const python = pythons.find((one) => spawnSync(one, ["-c", canMakeEnvironments]).status === 0);
  if (python === undefined)
    return "no Python 3.10 or newer with venv (Debian: python3-venv); `make toolchains` installs it";
  rmSync(environment, { recursive: true, force: true });
  const made = spawnSync(python, ["-m", "venv", environment], { encoding: "utf8" });
  if (made.status !== 0) return `${python} cannot make an environment: ${made.stderr}`;
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements];
  const installed = spawnSync(join(environment, "bin/python"), pip, { encoding: "utf8" });
  if (installed.status !== 0) return `pip cannot install schemathesis: ${installed.stderr}`;
  writeFileSync(stamp, madeFrom);
  return undefined;
}

/** @throws Error when the orchestrator does not start or does not survive */
export async function fuzzHttp(plan: HttpFuzzPlan): Promise<HttpFuzzOutcome> {
  const system = new System();
  try {
    await system.startServer("--templates", join(folder, "../../examples"), "--log-level", "warn");
    system.startWorker("examples/order-fulfillment/typescript/worker.ts");
    const { code, output } = await runSchemathesis(system, plan);
    const answers = await answersOf(system.endpoints.http);
    const serverErrors = total(answers, ({ status }) => status >= 500);
    const tasks = total(answers, ({ route, status }) => route === "/v1/tasks" && status === 201);
    return { passed: code === 0 && serverErrors === 0, output, requests: total(answers), serverErrors, tasks };
  } finally {
    await system.close();
  }
}

async function runSchemathesis(system: System, { examples, seed, isShown }: HttpFuzzPlan) {
  const args = [
    ...["--config-file", join(folder, "schemathesis.toml"), "run", `${system.endpoints.http}/openapi.json`],
    ...["--phases", "examples,coverage,fuzzing,stateful", "--max-examples", String(examples), "--seed", String(seed)],
    ...["--continue-on-failure", "--no-color", "--request-timeout", "30", "--warnings", "off"],
  ];
  const child = system.spawn(program, args);
  let output = "";
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on("data", (text) => {
      output += text;
      if (isShown) process.stdout.write(text);
    });
  }
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output };
}

interface Answers {
  readonly route: string;
  readonly status: number;
  readonly count: number;
}

/** What the orchestrator itself counts. */
async function answersOf(http: string): Promise<Answers[]> {
  const answer = await fetch(`${http}/metrics`);
  if (!answer.ok) throw new Error(`the orchestrator answers ${answer.status} afterwards`);
  const pattern = /^tasker_http_request_duration_seconds_count\{.*route="([^"]*)",status="(\d+)".*\} (\d+)$/gm;
  const lines = (await answer.text()).matchAll(pattern);
  return [...lines].map(([, route, status, count]) => ({
    route: route!,
    status: Number(status),
    count: Number(count),
  }));
}

function total(answers: readonly Answers[], which: (answers: Answers) => boolean = () => true): number {
  return answers.filter(which).reduce((sum, { count }) => sum + count, 0);
}
