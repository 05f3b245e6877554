/** The plans of all template versions that the store holds. Versions coexist; a task keeps the one it started with. */
import { TaskerError } from "./errors.ts";
import { nearest } from "./nearest.ts";
import { type Plan, planName } from "./plan.ts";

export class PlanRegistry {
  readonly #byId = new Map<number, Plan>();
  readonly #versions = new Map<string, Map<string, Plan>>();

  add(plan: Plan): void {
    const name = planName(plan.template);
    const versions = this.#versions.get(name) ?? new Map<string, Plan>();
    this.#versions.set(name, versions.set(plan.template.version, plan));
    this.#byId.set(plan.templateId, plan);
  }

  /** @throws Error for a number that no template has: the store and memory disagree. */
  byId(templateId: number): Plan {
    const plan = this.#byId.get(templateId);
    if (plan === undefined) throw new Error(`no template has the number ${templateId}`);
    return plan;
  }

  find(namespace: string, name: string, version: string): Plan | undefined {
    return this.#versions.get(`${namespace}/${name}`)?.get(version);
  }

  /**
   * The plan a submission asks for; without a version the highest one.
   * @throws TaskerError `template_not_found`, with what there is instead
   */
  resolve(namespace: string, name: string, version: string | null): Plan {
    const versions = this.#versions.get(`${namespace}/${name}`);
    if (versions === undefined) throw this.#unknownName(`${namespace}/${name}`);
    const plan = version === null ? highest(versions) : versions.get(version);
    if (plan !== undefined) return plan;
    throw new TaskerError("template_not_found", `template ${namespace}/${name} has no version ${version}`, {
      hint: `Its versions: ${[...versions.keys()].sort(compareVersions).join(", ")}.`,
    });
  }

  #unknownName(name: string): TaskerError {
    const near = nearest(name, this.#versions.keys());
    const known = near === undefined ? "`tasker template list` shows what there is." : `Did you mean ${near}?`;
    return new TaskerError("template_not_found", `no template is named ${name}`, {
      hint: `${known} Apply one with \`tasker template apply FILE\`.`,
    });
  }
}

/** Semantic versions in order; a pre-release comes before its release. */
export function compareVersions(a: string, b: string): number {
  const [coreA = "", preA] = splitOnce(a, "-");
  const [coreB = "", preB] = splitOnce(b, "-");
  const core = compareParts(coreA, coreB);
  if (core !== 0 || preA === preB) return core;
  if (preA === undefined) return 1;
  if (preB === undefined) return -1;
  return compareParts(preA, preB);
}

function highest(versions: ReadonlyMap<string, Plan>): Plan | undefined {
  return [...versions.values()].sort((a, b) => compareVersions(b.template.version, a.template.version))[0];
}

function splitOnce(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function compareParts(a: string, b: string): number {
  const left = a.split(".");
  const right = b.split(".");
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const order = comparePart(left[i] ?? "", right[i] ?? "");
    if (order !== 0) return order;
  }
  return 0;
}

function comparePart(a: string, b: string): number {
  const numeric = /^\d+$/;
  if (numeric.test(a) && numeric.test(b)) return Number(a) - Number(b);
  return a < b ? -1 : a > b ? 1 : 0;
}
