/** All template versions. */
import type { DatabaseSync } from "node:sqlite";
import type { NewTemplate } from "@tasker/engine";
import { type TemplateRecord, toTemplate } from "../row-mapping.ts";

export function prepareListTemplates(database: DatabaseSync): () => NewTemplate[] {
  const list = database.prepare("select * from templates order by template_id");
  return () => (list.all() as unknown as TemplateRecord[]).map(toTemplate);
}
