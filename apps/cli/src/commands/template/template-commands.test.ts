import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FakeServer, problem } from "../../testing/fake-server.ts";
import { TestShell } from "../../testing/test-shell.ts";

let server: FakeServer;
let shell: TestShell;
beforeEach(async () => {
  server = await new FakeServer().start();
  shell = new TestShell();
  shell.env.TASKER_URL = server.url;
});
afterEach(async () => {
  shell.close();
  await server.close();
});

const good = "# a comment\nnamespace: shop\nname: order\nversion: 1.2.0\nsteps:\n  - name: one\n    handler: h\n";
const wrong = "namespace: shop\nname: order\nsteps:\n  - name: one\n    handlr: h\n";

function file(name: string, text: string): string {
  writeFileSync(join(shell.cwd, name), text);
  return name;
}

describe("template apply", () => {
  const route = "PUT /v1/templates/shop/order/1.2.0";

  it("sends the file's text unchanged to the place that it names", async () => {
    server.on(route, { status: 201, body: '{"name":"order"}' });
    const { code, stdout } = await shell.run("template", "apply", file("a.yaml", good));
    expect([code, stdout]).toEqual([0, "applied  shop/order@1.2.0  1 step\n"]);
    const [asked] = server.askedOf(route);
    expect(asked!.body).toBe(good);
    expect(asked!.headers["content-type"]).toBe("application/yaml");
  });

  it("sends JSON as JSON, and prints what the server answers with --json", async () => {
    server.on(route, '{"name":"order",\n"n":9007199254740993}');
    const steps = [{ name: "one", handler: "h" }];
    const text = JSON.stringify({ namespace: "shop", name: "order", version: "1.2.0", steps });
    const { stdout } = await shell.run("template", "apply", "--json", file("a.json", text));
    expect(stdout).toBe('{"name":"order", "n":9007199254740993}\n');
    expect(server.asked[0]!.headers["content-type"]).toBe("application/json");
  });

  it("sends nothing when one of the files is wrong, and names the place", async () => {
    const { code, stdout, stderr } = await shell.run("template", "apply", file("a.yaml", good), file("b.yaml", wrong));
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/b\.yaml:5:5 steps\[0\]\.?handlr: .*did you mean handler\?/);
    expect(server.asked).toEqual([]);
  });

  it("tells of a version that exists with another content", async () => {
    server.on(route, problem(409, "template_conflict", "shop/order@1.2.0 exists with another content"));
    const { code, stderr } = await shell.run("template", "apply", file("a.yaml", good));
    expect(code).toBe(2);
    expect(stderr).toContain("exists with another content");
  });
});

describe("template validate", () => {
  it("needs no server, and looks at every file", async () => {
    const { code, stdout, stderr } = await shell.run(
      "template",
      "validate",
      file("b.yaml", wrong),
      file("a.yaml", good),
    );
    expect(code).toBe(2);
    expect(stdout).toBe("valid  a.yaml  shop/order@1.2.0  1 step\n");
    expect(stderr).toContain("b.yaml:5:5");
    expect(server.asked).toEqual([]);
  });

  it("prints a line of JSON for each file with --json, and nothing else", async () => {
    shell.input = good;
    const { code, stdout, stderr } = await shell.run("template", "validate", "--json", file("b.yaml", wrong), "-");
    expect([code, stderr]).toEqual([2, ""]);
    const [first, second] = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    const misspelt = expect.objectContaining({ line: 5, suggestion: "handler" });
    expect(first).toMatchObject({ file: "b.yaml", valid: false, issues: expect.arrayContaining([misspelt]) });
    expect(second).toEqual({ file: "stdin", valid: true, template: "shop/order@1.2.0", steps: 1, issues: [] });
  });
});

describe("template import", () => {
  it("prints a template that can be applied", async () => {
    const instance = new URL("../../../../../packages/templates/testdata/wfinstances/", import.meta.url);
    const name = "1000genome-chameleon-2ch-100k-001.json";
    const { code, stdout, stderr } = await shell.run("template", "import", new URL(name, instance).pathname);
    expect([code, stderr]).toEqual([0, ""]);
    expect((await shell.run("template", "validate", file("imported.yaml", stdout))).code).toBe(0);
  });

  it("says what is wrong with a file that is no workflow", async () => {
    const { code, stdout, stderr } = await shell.run("template", "import", file("x.json", '{"a":1}'));
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("x.json:1:1: this is not a workflow instance in WfFormat");
  });
});

describe("template list and show", () => {
  const item = (namespace: string, name: string, version: string) => ({
    namespace,
    name,
    version,
    description: "d",
    step_count: 4,
  });
  const items = [
    item("a", "order", "2.0.0"),
    item("a", "order", "1.0.0"),
    item("b", "order", "1.0.0"),
    item("b", "other", "1.0.0"),
  ];
  beforeEach(() => {
    server.on("GET /v1/templates", JSON.stringify({ items, next_cursor: null }));
    for (const { namespace, name, version } of items) {
      server.on(
        `GET /v1/templates/${namespace}/${name}/${version}`,
        JSON.stringify({ source: `# ${namespace} ${version}\n` }),
      );
    }
  });

  it("lists every version", async () => {
    expect((await shell.run("template", "list")).stdout.split("\n").slice(0, 2)).toEqual([
      "TEMPLATE  VERSION  STEPS  DESCRIPTION",
      "a/order   2.0.0    4      d",
    ]);
  });

  it.each([
    ["a/order", "# a 2.0.0\n"],
    ["a/order@1.0.0", "# a 1.0.0\n"],
    ["other", "# b 1.0.0\n"],
    ["order@2.0.0", "# a 2.0.0\n"],
  ])("shows %s as it was applied", async (name, source) => {
    expect(await shell.run("template", "show", name)).toEqual({ code: 0, stdout: source, stderr: "" });
  });

  it.each([
    ["order", "Say which: a/order, b/order."],
    ["a/ordre", "Did you mean a/order?"],
    ["othr", "Did you mean b/other?"],
    ["b/order@3.0.0", "A hint."],
    ["other@3.0.0", "Its versions: 1.0.0."],
  ])("helps with %s", async (name, hint) => {
    server.on("GET /v1/templates/b/order/3.0.0", problem(404, "template_not_found", "no"));
    const { code, stdout, stderr } = await shell.run("template", "show", name);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(`next: ${hint}`);
  });
});

it("reads the files of the repository's examples", async () => {
  const example = new URL("../../../../../examples/order-fulfillment/template.yaml", import.meta.url).pathname;
  expect(readFileSync(example, "utf8")).not.toBe("");
  expect((await shell.run("template", "validate", example)).code).toBe(0);
});
