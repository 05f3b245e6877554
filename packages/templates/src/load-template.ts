/**
 * Loads a template: text -> tree -> fields by their names -> the overrides of one environment -> values with defaults ->
 * the graph. Everything that is wrong is told in one error; nothing of a document with an issue is used.
 */
import type { StepTemplate, Template } from "@tasker/engine";
import { checkGraph } from "./check-graph.ts";
import { IssueLog } from "./document/issue-log.ts";
import { parseDocument } from "./document/parse-document.ts";
import { describe, type MapNode, type Node, placeOf } from "./document/tree.ts";
import { applyEnvironments } from "./environment.ts";
import { collectFields, type Field, type Fields, keyPlace } from "./fields.ts";
import { templateKeys } from "./keys.ts";
import { templateLimits } from "./limits.ts";
import {
  collectStep,
  dependencyNodes,
  readStep,
  type StepFields,
  type TemplateDefaults,
  templateDefaults,
} from "./read-step.ts";
import { readSchema } from "./schema/read-schema.ts";
import { readName, readText, readVersion } from "./values.ts";

export interface LoadTemplateOptions {
  /** Named in errors. */
  readonly file?: string;
  /** Whose overrides apply (`TASKER_ENV`); none that the document has: no overrides. */
  readonly environment?: string;
  readonly defaults?: Partial<TemplateDefaults>;
  /** Steps that are accepted; `templateLimits.steps` by default. */
  readonly maxSteps?: number;
}

/**
 * A template from YAML 1.2 or JSON text. `config` keeps its integers and the digits of its numbers; it is compact JSON.
 * @throws TaskerError `template_invalid`, with an issue for every place that is wrong
 */
export function loadTemplate(text: string, options: LoadTemplateOptions = {}): Template {
  const issues = new IssueLog({ text, file: options.file });
  const root = parseDocument({ text, file: options.file }, issues);
  const template = root === null ? null : readTemplate(root, options, issues);
  if (template !== null && issues.isEmpty) return template;
  throw issues.toError("template", "Correct the places that are listed, then run `tasker template validate FILE`.");
}

function readTemplate(root: Node, options: LoadTemplateOptions, issues: IssueLog): Template | null {
  if (root.kind !== "map") {
    issues.add(placeOf(root), `expected a map with \`name\` and \`steps\`, found ${describe(root)}`);
    return null;
  }
  const fields: Fields = new Map();
  collectFields(root, templateKeys, fields, issues);
  const { maxSteps = templateLimits.steps } = options;
  const steps = collectSteps(root, fields.get("steps"), maxSteps, issues);
  applyEnvironments(fields.get("environments"), options.environment, fields, stepsByName(steps), issues);
  const defaults = { ...templateDefaults, ...options.defaults };
  const read = steps.map((step) => readStep(step, defaults, issues));
  checkGraph(steps.flatMap(graphNode), issues);
  const identity = readIdentity(root, fields, issues);
  return identity && { ...identity, steps: read.filter((step): step is StepTemplate => step !== null) };
}

function collectSteps(root: MapNode, field: Field | undefined, maxSteps: number, issues: IssueLog): StepFields[] {
  if (field?.node.kind !== "list") {
    if (field) issues.add(placeOf(field.node), `expected a list of steps, found ${describe(field.node)}`);
    else issues.add(placeOf(root), "the template has no `steps`");
    return [];
  }
  const { items } = field.node;
  if (items.length === 0) issues.add(keyPlace(field), "a template needs at least one step");
  if (items.length > maxSteps) {
    issues.add(keyPlace(field), `the template has ${items.length} steps; at most ${maxSteps} are accepted`);
    return [];
  }
  return items.flatMap((item) => {
    if (item.kind === "map") return collectStep(item, issues);
    issues.add(placeOf(item), `expected a map with \`name\` and \`handler\`, found ${describe(item)}`);
    return [];
  });
}

function stepsByName(steps: readonly StepFields[]): Map<string, StepFields> {
  const byName = new Map<string, StepFields>();
  for (const step of steps) {
    const name = step.fields.get("name")?.node;
    if (name?.kind === "scalar" && typeof name.value === "string") byName.set(name.value, step);
  }
  return byName;
}

function graphNode({ fields }: StepFields) {
  const nameNode = fields.get("name")?.node;
  if (nameNode?.kind !== "scalar" || typeof nameNode.value !== "string") return [];
  return [{ name: nameNode.value, nameNode, dependencies: dependencyNodes(fields) }];
}

/** Everything but the steps. */
function readIdentity(root: MapNode, fields: Fields, issues: IssueLog): Omit<Template, "steps"> | null {
  const nameField = fields.get("name");
  if (nameField === undefined) {
    issues.add(placeOf(root), "the template has no `name`");
    return null;
  }
  const [prefix, name] = splitName(nameField.node);
  const namespace = fields.get("namespace")?.node ?? prefix;
  const version = fields.get("version");
  const description = fields.get("description");
  return {
    namespace: (namespace && readName(namespace, "namespace", issues)) ?? "default",
    name: readName(name, "template", issues) ?? "",
    version: (version && readVersion(version.node, issues)) ?? "1.0.0",
    description:
      (description && readText(description.node, "the description", templateLimits.descriptionLength, issues)) ?? "",
    input_schema: readSchema(fields.get("input_schema"), issues),
  };
}

/** The Rails engine's `name: ecommerce/process_order`: what stands before the slash serves where no namespace is given. */
function splitName(node: Node): [prefix: Node | undefined, name: Node] {
  if (node.kind !== "scalar" || typeof node.value !== "string") return [undefined, node];
  const slash = node.value.lastIndexOf("/");
  if (slash === -1) return [undefined, node];
  const part = (value: string): Node => ({ ...node, value, json: JSON.stringify(value) });
  return [part(node.value.slice(0, slash)), part(node.value.slice(slash + 1))];
}
