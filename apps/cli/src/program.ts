/**
 * Every command with its arguments and options, on one page; docs/reference/cli.md is made from it. A command's code is
 * loaded only when it runs, so that `tasker task list` does not wait for what only a server needs.
 */
import { parseDuration } from "@tasker/templates/duration";
import { Argument, Command, InvalidArgumentError, Option } from "commander";
import type { ExitCode } from "./exit-codes.ts";
import type { Shell } from "./shell.ts";

/** What a command's own file exports: it answers with the exit code. */
type Run<A extends unknown[]> = (shell: Shell, ...rest: A) => Promise<ExitCode>;

/** @param onCode gets the exit code of the command that ran */
export function buildProgram(shell: Shell, version: string, onCode: (code: ExitCode) => void): Command {
  /** Commander passes arguments, options and the command itself. */
  const runs =
    <A extends unknown[]>(load: () => Promise<Run<A>>) =>
    async (...args: unknown[]) =>
      onCode(await (await load())(shell, ...(args.slice(0, -1) as A)));

  const program = new Command("tasker")
    .description("Durable DAGs of steps, run by workers in any language.")
    .version(version)
    .configureHelp({ sortSubcommands: false, showGlobalOptions: false });
  const exitCodeText =
    "\nExit codes: 0 ok, 1 the task failed, 2 usage, 3 cannot reach the server, 4 not allowed, 5 timed out, 130 interrupted.";
  program.addHelpText("after", exitCodeText);

  serverOptions(program.command("dev"))
    .description("start an orchestrator to develop with; templates are applied again when they change")
    .action(runs(async () => (await import("./commands/dev.ts")).runDev));
  serverOptions(program.command("server"))
    .description("start the orchestrator in the foreground; its log goes to stderr")
    .action(runs(async () => (await import("./commands/server.ts")).runServer));

  addTemplateCommands(program, runs);
  addTaskCommands(program, runs);

  const worker = program.command("worker").description("look at workers");
  clientOptions(worker.command("list"))
    .description("the workers that are connected")
    .action(runs(async () => (await import("./commands/worker/list.ts")).listWorkers));

  program
    .command("conformance")
    .description("check that a worker does what the protocol says; COMMAND starts it")
    .argument("<command...>", "what starts the worker, after --")
    .addOption(new Option("--protocol <version>", "what it speaks").choices(["1.0", "2.0"]).default("2.0"))
    .addOption(new Option("--case <name>", "only this case, or this topic; may be repeated").argParser(collect))
    .option("--all", "a case whose handler the worker does not offer counts as failed")
    .addOption(jsonOption())
    .option("--junit <file>", "also write the report as JUnit XML")
    .action(runs(async () => (await import("./commands/conformance.ts")).runConformanceCommand));

  serverOptions(program.command("doctor"))
    .description("check this machine and the server; each finding has a next step")
    .addOption(urlOption())
    .action(runs(async () => (await import("./commands/doctor.ts")).runDoctor));

  const config = program.command("config").description("look at settings");
  serverOptions(config.command("print"))
    .description("every setting of the server with its value, and where that comes from")
    .action(runs(async () => (await import("./commands/config/print.ts")).printConfig));
  return program;
}

type Runs = <A extends unknown[]>(load: () => Promise<Run<A>>) => (...args: unknown[]) => Promise<void>;

function addTemplateCommands(program: Command, runs: Runs): void {
  const template = program.command("template").description("check, apply and look at templates");
  clientOptions(template.command("apply"))
    .description("apply template versions; all files are checked before the first is sent")
    .addArgument(new Argument("<file...>", "YAML or JSON; - for stdin"))
    .action(runs(async () => (await import("./commands/template/apply.ts")).applyTemplates));
  template
    .command("validate")
    .description("check templates, without a server")
    .addArgument(new Argument("<file...>", "YAML or JSON; - for stdin"))
    .addOption(jsonOption())
    .action(runs(async () => (await import("./commands/template/validate.ts")).validateTemplates));
  clientOptions(template.command("list"))
    .description("every version of every template")
    .action(runs(async () => (await import("./commands/template/list.ts")).listTemplates));
  clientOptions(template.command("show"))
    .description("one template, as it was applied")
    .addArgument(new Argument("<name>", "[NAMESPACE/]NAME[@VERSION]; without a version the newest"))
    .action(runs(async () => (await import("./commands/template/show.ts")).showTemplate));
  template
    .command("import")
    .description("print a workflow instance in WfFormat 1.5 as a template in YAML")
    .addArgument(new Argument("<file>", "JSON; - for stdin"))
    .action(runs(async () => (await import("./commands/template/import.ts")).importTemplate));
}

function addTaskCommands(program: Command, runs: Runs): void {
  const task = program.command("task").description("submit, look at and control tasks");
  watchOptions(clientOptions(task.command("submit")))
    .description("submit a task; returns when it is durable, with --wait when it has come to its end")
    .addArgument(new Argument("<template>", "NAMESPACE/NAME[@VERSION]; without a version the newest"))
    .option("--context <json>", "the task's context: a JSON object, @FILE, or @- for stdin; it is sent unchanged")
    .option("--idempotency-key <key>", "submitting again under the same key gives the same task")
    .addOption(new Option("--priority <n>", "-100 to 100, higher first").argParser(integer(-100, 100)))
    .addOption(new Option("--tag <tag>", "to find it again; may be given several times").argParser(collect))
    .option("--correlation-id <id>", "what it belongs to elsewhere")
    .option("--initiator <who>", "who wants it")
    .option("--reason <text>", "why, for the history")
    .option("--wait", "show progress and end with the task's outcome")
    .action(runs(async () => (await import("./commands/task/submit.ts")).submitTask));
  clientOptions(task.command("get"))
    .description("a task with its steps, failures first")
    .addArgument(taskArgument())
    .option("--all", "every step, rather than the first 30")
    .action(runs(async () => (await import("./commands/task/get.ts")).getTask));
  clientOptions(task.command("list"))
    .description("the newest tasks that match")
    .option("--status <status>", "in_progress, blocked, completed, failed or cancelled")
    .option("--namespace <namespace>", "of their template")
    .option("--name <name>", "of their template")
    .option("--tag <tag>", "one of their tags")
    .option("--search <text>", "part of an id, a template, a key, a tag, ...")
    .addOption(new Option("--limit <n>", "tasks on a page").argParser(integer(1, 1_000)))
    .option("--cursor <cursor>", "the page that the one before named")
    .action(runs(async () => (await import("./commands/task/list.ts")).listTasks));
  watchOptions(clientOptions(task.command("watch")))
    .description("a task live, until nothing more happens by itself; with --json its events as they come")
    .addArgument(taskArgument())
    .action(runs(async () => (await import("./commands/task/watch.ts")).watchTask));
  clientOptions(task.command("cancel"))
    .description("end a task that is not final")
    .addArgument(taskArgument())
    .option("--reason <text>", "why, for the history")
    .action(runs(async () => (await import("./commands/task/cancel.ts")).cancelTask));
  clientOptions(task.command("events"))
    .description("the history of a task, every transition in order; with --json an event a line")
    .addArgument(taskArgument())
    .addOption(new Option("--after <seq>", "only those after this one").argParser(integer(0, Number.MAX_SAFE_INTEGER)))
    .addOption(new Option("--limit <n>", "at most so many").argParser(integer(1, Number.MAX_SAFE_INTEGER)))
    .action(runs(async () => (await import("./commands/task/events.ts")).taskEvents));
}

function taskArgument(): Argument {
  return new Argument("<id>", "the task's id");
}

function clientOptions(command: Command): Command {
  return command.addOption(jsonOption()).addOption(urlOption());
}

function watchOptions(command: Command): Command {
  return command
    .addOption(new Option("--timeout <duration>", "give up waiting after this long, e.g. 30s").argParser(duration))
    .option("--plain", "lines instead of a picture that is redrawn");
}

function serverOptions(command: Command): Command {
  return command
    .option("--http <host:port>", "where the HTTP API listens (default 127.0.0.1:8480)")
    .option("--database <file>", "the embedded database (default .tasker/tasker.db)")
    .option("--steps <endpoint>", "where workers receive steps (default ipc, beside the database)")
    .option("--results <endpoint>", "where workers send results (default ipc, beside the database)")
    .option("--templates <dir>", "apply the templates in this folder")
    .option("--log-level <level>", "debug, info, warn, error or silent")
    .option("--config <file>", "settings in YAML (default tasker.yaml, if it is there)")
    .addOption(jsonOption());
}

function jsonOption(): Option {
  return new Option("--json", "print data as JSON, and nothing else, on stdout");
}

function urlOption(): Option {
  return new Option("--url <url>", "the server (default TASKER_URL, or http://127.0.0.1:8480)");
}

function collect(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Expected an integer from ${min} to ${max}.`);
  };
}

/** The longest that a timer of Node can wait. */
const longestMs = 2 ** 31 - 1;

function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms !== null && ms > 0 && ms <= longestMs) return ms;
  throw new InvalidArgumentError("Expected a duration such as 500ms, 30s or 5m, up to 24d.");
}
