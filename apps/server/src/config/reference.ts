/** docs/reference/configuration.md, made from the table of keys; a test holds the page equal. */
import { envName, type KeyName, keyNames, keyOf } from "./keys.ts";

export function configReference(): string {
  return `${[intro, ...sections().map(sectionText)].join("\n")}`;
}

const intro = `# Configuration

Made from the table of keys in \`apps/server/src/config/keys.ts\` by \`npm run reference\`.

Settings of \`tasker server\` and \`tasker dev\`. A flag wins over an environment variable, that over the file, that over the
default. The file is YAML: \`--config FILE\`, else \`TASKER_CONFIG\`, else \`tasker.yaml\` in the working folder if it is there.
An unknown key is an error wherever it stands, and names the nearest valid one; an empty variable counts as unset. Relative
paths in the file are relative to the file, all others to the working folder.

\`tasker config print\` shows every value with its source. Command-line clients read \`TASKER_URL\`
(default \`http://127.0.0.1:8480\`); workers read \`TASKER_STEPS_ENDPOINT\`, \`TASKER_RESULTS_ENDPOINT\`, \`TASKER_WORKER_ID\`,
\`TASKER_POOL\` and \`TASKER_CONCURRENCY\`.

The section \`step_execution\` has the names of existing \`config/zeromq.yaml\` files, which load as they are. \`inproc://\`
endpoints mean "in this process only": they are taken, with a warning that workers in other processes cannot connect.
`;

function sections(): [section: string | null, names: KeyName[]][] {
  const bySection = new Map<string | null, KeyName[]>();
  for (const name of keyNames) {
    const section = name.includes(".") ? name.slice(0, name.indexOf(".")) : null;
    bySection.set(section, [...(bySection.get(section) ?? []), name]);
  }
  return [...bySection];
}

function sectionText([section, names]: [string | null, KeyName[]]): string {
  const title = section === null ? "## Top level" : `## \`${section}:\``;
  return `${title}\n\n| key | takes | default | flag, variable | does |\n|---|---|---|---|---|\n${names.map(rowText).join("")}`;
}

function rowText(name: KeyName): string {
  const { kind, flag, does, default: value, defaultMeaning } = keyOf(name);
  const shown = value === null ? (defaultMeaning ?? "none") : `\`${value}\``;
  const sources = [flag === undefined ? null : `\`--${flag}\``, `\`${envName(name)}\``].filter(
    (source) => source !== null,
  );
  return `| \`${name.slice(name.indexOf(".") + 1)}\` | ${kind.expected} | ${shown} | ${sources.join(", ")} | ${does} |\n`;
}
