/** Templates as JSON: a version in full with its source text, and a line for lists. */
import type { StepTemplate, Template } from "@tasker/engine";
import { pageJson, stringJson, timeJson } from "./json-text.ts";

export interface TemplateItemView {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** Number of steps. */
  readonly steps: number;
  readonly createdAt: number;
}

/** @param source what was applied, as text */
export function templateJson(template: Template, source: string, createdAt: number): string {
  const steps = template.steps.map(stepTemplateJson).join(",");
  return (
    `{${nameJson(template)},"created_at":${timeJson(createdAt)},"input_schema":${JSON.stringify(template.input_schema ?? null)},` +
    `"steps":[${steps}],"source":${JSON.stringify(source)}}`
  );
}

export function templateItemJson(item: TemplateItemView): string {
  return `{${nameJson(item)},"created_at":${timeJson(item.createdAt)},"step_count":${item.steps}}`;
}

export function templatePageJson(items: readonly TemplateItemView[]): string {
  return pageJson(items.map(templateItemJson), null);
}

function nameJson({
  namespace,
  name,
  version,
  description,
}: Pick<Template, "namespace" | "name" | "version" | "description">) {
  return `"namespace":${stringJson(namespace)},"name":${stringJson(name)},"version":${stringJson(version)},"description":${stringJson(description)}`;
}

/** The config is opaque text and stays what it was. */
function stepTemplateJson({ name, handler, config, ...rest }: StepTemplate): string {
  const others = JSON.stringify(rest).slice(1);
  return `{"name":${JSON.stringify(name)},"handler":${JSON.stringify(handler)},"config":${config},${others}`;
}
