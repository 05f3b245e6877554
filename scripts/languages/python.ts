/** Python: an environment of its own in `workers/python/.venv`, with the SDK in it and its dependencies at the pinned versions. */
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { aptInstall, ask, type Counts, judged, type Language, root, run, sum } from "./language.ts";

const folder = "workers/python";
const environment = join(root, folder, ".venv");
const interpreter = join(environment, "bin/python");
/** Holds what the environment was made from. */
const stamp = join(environment, "made-from");

/** The machine's own may be another than Debian's, and may lack what makes environments. */
const candidates = ["python3", "/usr/bin/python3"];
const canMakeEnvironments = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))";

const config = join(root, folder, "pyproject.toml");
const cache = join(environment, "cache");
const ruff = ["--config", config, "--cache-dir", cache];

/** The SDK, and what is written with it. */
const tested = [folder, "examples/order-fulfillment/python"];
const sources = [...tested, "bench/languages/python"];

export const python: Language = {
  name: "python",
  missing() {
    if (existsSync(stamp) && readFileSync(stamp, "utf8") === fingerprint()) return undefined;
    return "no environment in workers/python/.venv; `make toolchains` makes it, given Python 3.11 or newer with venv (Debian: python3-venv) and PyPI";
  },
  setUp() {
    const maker = findPython() ?? installPython();
    if (maker === undefined) return;
    rmSync(environment, { recursive: true, force: true });
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-warn-script-location"];
    const made =
      run(".", maker, ["-m", "venv", environment]) &&
      run(folder, interpreter, [...pip, "-r", "requirements-dev.txt"]) &&
      run(folder, interpreter, [...pip, "--no-deps", "--no-build-isolation", "-e", "."]);
    if (made) writeFileSync(stamp, fingerprint());
  },
  check() {
    return (
      run(".", interpreter, ["-m", "ruff", "check", ...ruff, ...sources]) &&
      run(".", interpreter, ["-m", "ruff", "format", "--check", ...ruff, ...sources]) &&
      sources.every((part) =>
        run(part, interpreter, ["-m", "mypy", "--config-file", config, "--cache-dir", cache, "."]),
      )
    );
  },
  test: () => tested.map(pytest).reduce(sum),
  command: (program) => ({ command: interpreter, args: [join(root, `${program}.py`)] }),
};

function findPython(): string | undefined {
  return candidates.find((candidate) => ask(candidate, ["-c", canMakeEnvironments]) !== undefined);
}

function installPython(): string | undefined {
  aptInstall("python3", "python3-venv");
  return findPython();
}

function fingerprint(): string {
  const hash = createHash("sha256");
  for (const file of ["requirements-dev.txt", "pyproject.toml"]) hash.update(readFileSync(join(root, folder, file)));
  return hash.digest("hex");
}

function pytest(part: string): Counts {
  const reports = mkdtempSync(join(tmpdir(), "tasker-pytest-"));
  const file = join(reports, "report.xml");
  const endedWell = run(part, interpreter, [
    "-m",
    "pytest",
    "--quiet",
    "-c",
    config,
    "--rootdir",
    ".",
    `--junit-xml=${file}`,
    ".",
  ]);
  const report = existsSync(file) ? readFileSync(file, "utf8") : "";
  const suite = /<testsuite [^>]*>/.exec(report)?.[0] ?? "";
  rmSync(reports, { recursive: true, force: true });
  const number = (name: string) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(suite)?.[1] ?? 0);
  const failed = number("failures") + number("errors");
  const skipped = number("skipped");
  const passed = number("tests") - failed - skipped;
  return judged({ passed, failed, skipped, notPassed: pytestNotPassed(report) }, endedWell);
}

function pytestNotPassed(report: string): string[] {
  const cases = /<testcase classname="([^"]*)" name="([^"]*)"[^>]*><(failure|error|skipped)\b/g;
  return [...report.matchAll(cases)].map(([, group, name, what]) => `${what}: ${group}.${name}`);
}
