/** A template version is kept for good: applied again it changes nothing, and with another content it is refused. */
import { compilePlan } from "../domain/plan.ts";
import { templateConflict } from "../domain/refusals.ts";
import type { CompileSchema, Template } from "../domain/template.ts";
import type { World } from "../memory.ts";
import type { Turn } from "../turn.ts";

/** @returns false when the same was there already @throws TaskerError `template_conflict` */
export function applyTemplate(
  world: World,
  turn: Turn,
  compileSchema: CompileSchema,
  template: Template,
  source: string,
): boolean {
  const { namespace, name, version } = template;
  const isSame = (other: Template) => other.namespace === namespace && other.name === name && other.version === version;
  const waiting = turn.newTemplates.find((applied) => isSame(applied.template))?.template;
  const before = world.plans.find(namespace, name, version)?.template ?? waiting;
  if (before !== undefined) {
    if (JSON.stringify(before) === JSON.stringify(template)) return false;
    throw templateConflict(template);
  }
  const templateId = world.memory.nextTemplateId++;
  const plan = compilePlan(templateId, template, compileSchema);
  turn.newTemplates.push({ templateId, template, source, createdAt: turn.at });
  turn.after(() => world.plans.add(plan));
  return true;
}
