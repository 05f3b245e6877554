/** Keeps new template versions. */
import type { DatabaseSync } from "node:sqlite";
import type { NewTemplate } from "@tasker/engine";
import { guarded } from "../guarded.ts";

const sql = `insert into templates (template_id, namespace, name, version, document, source, created_at)
  values (?, ?, ?, ?, ?, ?, ?)`;

/** @throws StoreError `conflict` when the number or the version exists */
export function prepareInsertTemplates(database: DatabaseSync): (templates: readonly NewTemplate[]) => void {
  const insert = database.prepare(sql);
  return (templates) => {
    for (const { templateId, template, source, createdAt } of templates) {
      const { namespace, name, version } = template;
      guarded(
        () => insert.run(templateId, namespace, name, version, JSON.stringify(template), source, createdAt),
        () => `template ${namespace}/${name}@${version} (number ${templateId}) exists`,
      );
    }
  };
}
