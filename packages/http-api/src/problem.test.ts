import { TaskerError } from "@tasker/engine";
import { expect, test } from "vitest";
import { HttpError, type ProblemCode, problemJson, problemTypes, toRefusal } from "./problem.ts";

const page = new URL("../../../docs/reference/problems.md", import.meta.url).pathname;

function pageText(): string {
  const rows = (Object.keys(problemTypes) as ProblemCode[]).map((code) => {
    const { status, title, meaning } = problemTypes[code];
    return `| \`${code}\` | ${status} | ${title} | ${meaning} |`;
  });
  return [
    "# Problems",
    "",
    "Every error of the HTTP API is an RFC 9457 problem (`application/problem+json`):",
    "",
    "```json",
    JSON.stringify(JSON.parse(sample()), null, 2),
    "```",
    "",
    "Match on `code`: it never changes its meaning. `detail` and `hint` are for people. `instance` names the request; the",
    "server's log has the same id. Answers with status 503 carry `Retry-After` where trying again unchanged helps; a",
    "submission with an idempotency key may always be sent again.",
    "",
    "| code | status | title | what it means, what to do |",
    "|---|---|---|---|",
    ...rows,
    "",
    "This page is written from the table in `packages/http-api/src/problem.ts`, and a test holds the two equal.",
    "",
  ].join("\n");
}

function sample(): string {
  const issue = { path: "tags[1]", message: "expected a string, got 5" };
  const error = new TaskerError(
    "request_invalid",
    "the body is not what this route takes at tags[1]: expected a string, got 5",
    {
      hint: "Correct it and send again.",
      issues: [issue],
    },
  );
  return problemJson(error, "urn:tasker:request:5f0c2a91-7");
}

test("the reference page lists every code as the table has it", async () => {
  await expect(pageText()).toMatchFileSnapshot(page);
});

test("a problem has the members of RFC 9457, a code, a hint and its issues", () => {
  expect(JSON.parse(sample())).toEqual({
    type: "urn:tasker:problem:request_invalid",
    title: "The request is not what this route takes",
    status: 400,
    detail: "the body is not what this route takes at tags[1]: expected a string, got 5",
    instance: "urn:tasker:request:5f0c2a91-7",
    code: "request_invalid",
    hint: "Correct it and send again.",
    issues: [{ path: "tags[1]", message: "expected a string, got 5" }],
  });
});

test("what nobody expected keeps its text to the log", () => {
  const refusal = toRefusal(new TypeError("secret is undefined"));
  expect(problemJson(refusal, "urn:tasker:request:1")).not.toContain("secret");
  expect(refusal.code).toBe("internal");
  const known = new HttpError("not_ready", "starting", "Wait.");
  expect(toRefusal(known)).toBe(known);
});
