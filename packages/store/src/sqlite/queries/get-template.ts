/** One version of a template, or its highest. */
import type { DatabaseSync } from "node:sqlite";
import { compareVersions } from "@tasker/engine";
import type { TemplateDetail } from "../../queries.ts";
import { type TemplateRecord, toTemplate, toTemplateSummary } from "../row-mapping.ts";

const versionsSql = "select template_id, version from templates where namespace = ? and name = ?";
const templateSql = "select * from templates where template_id = ?";

type GetTemplate = (namespace: string, name: string, version: string | null) => TemplateDetail | null;

export function prepareGetTemplate(database: DatabaseSync): GetTemplate {
  const listVersions = database.prepare(versionsSql);
  const getTemplate = database.prepare(templateSql);
  return (namespace, name, version) => {
    const versions = listVersions.all(namespace, name) as unknown as Pick<TemplateRecord, "template_id" | "version">[];
    const found =
      version === null
        ? versions.sort((a, b) => compareVersions(b.version, a.version))[0]
        : versions.find((candidate) => candidate.version === version);
    if (found === undefined) return null;
    const stored = toTemplate(getTemplate.get(found.template_id) as unknown as TemplateRecord);
    return { ...toTemplateSummary(stored), template: stored.template, source: stored.source };
  };
}
