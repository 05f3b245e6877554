import { buildTemplate } from "@tasker/testkit";
import { describe, expect, it } from "vitest";
import { compilePlan } from "./plan.ts";
import { compareVersions, PlanRegistry } from "./plan-registry.ts";

function registry(...versions: string[]): PlanRegistry {
  const plans = new PlanRegistry();
  for (const [index, version] of versions.entries()) {
    const template = buildTemplate([{ name: "a" }], { namespace: "shop", name: "order", version });
    plans.add(compilePlan(index + 1, template, () => () => []));
  }
  return plans;
}

describe("a submission without a version", () => {
  it("gets the highest, not the one that was applied last", () => {
    const plans = registry("1.9.0", "1.10.0", "1.2.0", "1.10.0-rc.1");
    expect(plans.resolve("shop", "order", null).template.version).toBe("1.10.0");
  });
});

describe("a template that is not there", () => {
  it("is answered with the name that was probably meant", () => {
    expect(() => registry("1.0.0").resolve("shop", "oder", null)).toThrow(
      expect.objectContaining({
        code: "template_not_found",
        hint: expect.stringContaining("Did you mean shop/order?"),
      }),
    );
  });

  it("is answered with the versions that there are", () => {
    expect(() => registry("1.0.0", "2.0.0").resolve("shop", "order", "3.0.0")).toThrow(
      expect.objectContaining({ code: "template_not_found", hint: "Its versions: 1.0.0, 2.0.0." }),
    );
  });
});

describe("versions", () => {
  it.each([
    ["1.0.0", "1.0.0", 0],
    ["1.9.0", "1.10.0", -1],
    ["2.0.0", "1.99.99", 1],
    ["1.0.0-rc.1", "1.0.0", -1],
    ["1.0.0-rc.2", "1.0.0-rc.10", -1],
    ["1.0.0-alpha", "1.0.0-beta", -1],
  ])("%s against %s", (a, b, order) => {
    expect(Math.sign(compareVersions(a, b))).toBe(order);
    expect(Math.sign(compareVersions(b, a))).toBe(order === 0 ? 0 : -order);
  });
});
