/** docs/reference/cli.md, made from the commands' own help; a test holds the page equal. */
import type { Command } from "commander";
import { allCommands } from "./main.ts";
import { buildProgram } from "./program.ts";
import type { Shell } from "./shell.ts";

const helpColumns = 110;

export function cliReference(): string {
  const program = buildProgram(noShell, "", () => {});
  const commands = allCommands(program).filter((command) => command === program || command.commands.length === 0);
  return `${intro}${commands.map(commandText).join("")}`;
}

const intro = `# Command line

Made from the commands' own help by \`npm run reference\`.

Data goes to stdout, and with \`--json\` nothing else does: one document, or a document a line where it streams
(\`task watch\`, \`task events\`, \`template apply\`, \`template validate\`, \`doctor\`, \`conformance\`). Errors and progress notes go to stderr: what
happened, where, and what to do next. JSON is printed as the server sent it: integers beyond 2^53 stay what they are.

| exit code | means |
|---|---|
| 0 | ok |
| 1 | the task failed, is blocked or was cancelled; a check of \`doctor\`, or a case of \`conformance\`, failed |
| 2 | usage: an argument, a file, a setting or a request is wrong |
| 3 | the server cannot be reached, or cannot answer now |
| 4 | not allowed |
| 5 | \`--timeout\` passed; the task goes on |
| 130 | interrupted; the task goes on |

\`TASKER_URL\` (or \`--url\`) names the server. \`NO_COLOR\` turns colours, and with them the live picture, off.
`;

function commandText(command: Command): string {
  command.configureOutput({ getOutHelpWidth: () => helpColumns });
  const name = `${command.parent === null ? "" : "tasker "}${pathOf(command)}`;
  return `\n## ${name}\n\n\`\`\`\n${command.helpInformation().trim()}\n\`\`\`\n`;
}

function pathOf(command: Command): string {
  const { parent } = command;
  return parent === null || parent.parent === null ? command.name() : `${pathOf(parent)} ${command.name()}`;
}

/** The help asks for nothing of its surroundings. */
const noShell = Object.freeze({}) as Shell;
