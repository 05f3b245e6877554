/**
 * The whole system in a minute: an orchestrator on an embedded database, the order fulfilment with each step in another
 * language, and a real 1000 Genomes workflow, live in the terminal. Leaves nothing running; exits 0 when both have completed.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { absentLanguages, orderWorkers } from "./order-in-four-languages.ts";

const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "tasker-demo-"));
const tasker = join(root, "apps/cli/bin/tasker.js");
const orders = join(root, "examples/order-fulfillment");
const genomes = join(root, "packages/templates/testdata/wfinstances/1000genome-chameleon-2ch-100k-001.json");
/** What the orchestrator and the workers log; shown only when something goes wrong. */
const logFile = join(folder, "demo.log");
const logs = openSync(logFile, "a");
const children: ChildProcess[] = [];

interface Ready {
  readonly http: string;
  readonly steps: string;
  readonly results: string;
}

process.once("SIGINT", () => process.exit(130));
process.once("exit", cleanUp);
try {
  process.exitCode = await demo();
} catch (error) {
  console.error(`the demo failed: ${(error as Error).message}\n${readFileSync(logFile, "utf8").slice(-4_000)}`);
  process.exitCode = 1;
} finally {
  await stopAll();
}

async function demo(): Promise<number> {
  title("An orchestrator on an embedded database");
  const ready = await startServer();
  console.log(`  ${ready.http}`);
  const env = { TASKER_URL: ready.http, TASKER_STEPS_ENDPOINT: ready.steps, TASKER_RESULTS_ENDPOINT: ready.results };
  startOrderWorkers(env);
  start(process.execPath, [join(root, "examples/wfformat-replay/typescript/worker.ts")], {
    ...env,
    TASKER_WORKER_ID: "replay-ts",
    REPLAY_FACTOR: "0.02",
  });

  title("The order fulfilment: validate, reserve, pay, ship");
  await run(env, ["template", "apply", join(orders, "template.yaml")]);
  const orderOk = await run(env, [
    "task",
    "submit",
    "fulfillment/process_order",
    "--context",
    `@${join(orders, "context.json")}`,
    "--wait",
  ]);

  title("1000 Genomes: 52 steps of a real scientific workflow, each 50 times faster than it was recorded");
  const file = join(folder, "1000genome.yaml");
  writeFileSync(file, await capture(env, ["template", "import", genomes]));
  await run(env, ["template", "apply", file]);
  const name = /^name: "?([\w.-]+)/m.exec(await capture(env, ["template", "import", genomes]))?.[1];
  const genomesOk = await run(env, ["task", "submit", `wfcommons/${name}`, "--wait"]);

  title("What ran");
  await run(env, ["worker", "list"]);
  await run(env, ["task", "list"]);
  return orderOk && genomesOk ? 0 : 1;
}

/** A process for each language; what the machine lacks is said, and its steps run in TypeScript. */
function startOrderWorkers(env: Record<string, string>): void {
  title("A worker in every language that this machine has");
  for (const { steps, workerId, command } of orderWorkers()) {
    start(command.command, command.args, { ...env, TASKER_WORKER_ID: workerId });
    console.log(`  ${workerId.padEnd(18)} runs ${steps.join(", ")}`);
  }
  for (const { name, missing } of absentLanguages()) console.log(`  not here: ${name}: ${missing}`);
}

async function startServer(): Promise<Ready> {
  const flags = ["--database", join(folder, "tasker.db"), "--http", "127.0.0.1:0", "--json"];
  const server = start(process.execPath, [tasker, "server", ...flags], { TASKER_LOG_LEVEL: "warn" });
  const lines = createInterface({ input: server.stdout! });
  const ended = once(server, "exit").then(([code]) => {
    throw new Error(`the orchestrator ended with ${code}`);
  });
  const [line] = (await Promise.race([once(lines, "line"), ended])) as [string];
  ended.catch(() => {});
  return JSON.parse(line) as Ready;
}

function start(command: string, args: readonly string[], env: Record<string, string>): ChildProcess {
  const child = spawn(command, args, { cwd: folder, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", logs] });
  children.push(child);
  return child;
}

/** Shows what the command shows. @returns whether it ended well */
async function run(env: Record<string, string>, args: readonly string[]): Promise<boolean> {
  console.log(`\n  $ tasker ${args.map((arg) => arg.replace(`${root}/`, "").replace(`${folder}/`, "")).join(" ")}`);
  const child = spawn(process.execPath, [tasker, ...args], {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: "inherit",
  });
  const [code] = (await once(child, "exit")) as [number | null];
  return code === 0;
}

async function capture(env: Record<string, string>, args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [tasker, ...args], {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.on("data", (part) => {
    text += part;
  });
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`tasker ${args.join(" ")} ended with ${code}`);
  return text;
}

function title(text: string): void {
  console.log(`\n\u2014\u2014 ${text}`);
}

/** Workers first, so that they can say goodbye; whoever does not go within five seconds is made to. */
async function stopAll(): Promise<void> {
  for (const child of [...children].reverse()) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), 5_000);
    await gone;
    clearTimeout(late);
  }
}

function cleanUp(): void {
  for (const child of children) if (child.exitCode === null) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}
