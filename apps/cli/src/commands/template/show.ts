/** `tasker template show`: one template, as it was applied. */
import { nearest } from "@tasker/engine";
import { type ClientOptions, clientOf } from "../../client-options.ts";
import { usageError } from "../../command-error.ts";
import { type ExitCode, exitCodes } from "../../exit-codes.ts";
import { path, type ServerClient } from "../../http/server-client.ts";
import type { Shell } from "../../shell.ts";
import type { Page } from "../../task-json.ts";
import type { TemplateItem } from "./list.ts";

/** @param name [NAMESPACE/]NAME[@VERSION]; without a version the newest */
export async function showTemplate(shell: Shell, name: string, options: ClientOptions): Promise<ExitCode> {
  const client = clientOf(shell, options);
  const found = await findTemplate(client, name);
  const { text } = await client.get(path("templates", found.namespace, found.name, found.version));
  if (options.json) {
    shell.out.write(`${text}\n`);
    return exitCodes.ok;
  }
  const { source } = JSON.parse(text) as { source: string };
  shell.out.write(source.endsWith("\n") ? source : `${source}\n`);
  return exitCodes.ok;
}

type Found = Pick<TemplateItem, "namespace" | "name" | "version">;

/** The list has the newest version of each template first. @throws CommandError when there is none, or several */
async function findTemplate(client: ServerClient, wanted: string): Promise<Found> {
  const [, namespace, name = wanted, version] = /^(?:([^/]+)\/)?([^/@]+)(?:@(.+))?$/.exec(wanted) ?? [];
  if (namespace !== undefined && version !== undefined) return { namespace, name, version };
  const { items } = JSON.parse((await client.get(path("templates"))).text) as Page<TemplateItem>;
  const named = items.filter((item) => item.name === name && item.namespace === (namespace ?? item.namespace));
  const matching = named.filter((item) => item.version === (version ?? item.version));
  const namespaces = new Set(matching.map((item) => item.namespace));
  if (namespaces.size > 1) {
    throw usageError(
      `several namespaces have a template ${name}`,
      `Say which: ${[...namespaces].map((space) => `${space}/${name}`).join(", ")}.`,
    );
  }
  const found = matching[0];
  if (found !== undefined) return found;
  throw usageError(`there is no template ${wanted}`, nextStep(wanted, named, items));
}

function nextStep(wanted: string, named: readonly TemplateItem[], all: readonly TemplateItem[]): string {
  if (named.length > 0) return `Its versions: ${named.map(({ version }) => version).join(", ")}.`;
  const names = [...new Set(all.map(({ namespace, name }) => `${namespace}/${name}`))];
  const bare = wanted.split("@")[0]!;
  const near =
    nearest(bare, names) ??
    names.find((name) =>
      name.endsWith(
        `/${nearest(
          bare,
          names.map((full) => full.split("/")[1]!),
        )}`,
      ),
    );
  return near === undefined ? "`tasker template list` shows what there is." : `Did you mean ${near}?`;
}
