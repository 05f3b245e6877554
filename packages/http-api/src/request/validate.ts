/** Checks the parts of a request against the schemas of its route, before its handler runs. */
import type { FastifySchemaCompiler } from "fastify";
import type { TSchema } from "typebox";
import { HttpError, invalidRequest, unfitRequest } from "../problem.ts";
import type { Route } from "../route.ts";
import { type Check, compileCheck } from "./check.ts";
import type { JsonBody } from "./json-body.ts";

type Validator = (data: unknown) => true | { readonly value: unknown } | { readonly error: Error };

/** What fastify calls for each part of the route that has a schema. */
export function validatorFor(route: Route): FastifySchemaCompiler<TSchema> {
  return ({ schema, httpPart }) => {
    if (httpPart === "body") return bodyValidator(route, schema);
    if (httpPart === "querystring") return queryValidator(schema);
    return () => true;
  };
}

function bodyValidator(route: Route, schema: TSchema): Validator {
  const isText = (schema as { type?: string }).type === "string";
  const check: Check = isText ? () => [] : compileCheck(route.checkedBody ?? schema);
  return (data) => {
    const body = data as JsonBody | null;
    if (body === null) return route.bodyIsOptional === true || { error: noBody() };
    if (!isText && !("value" in body)) return { error: notJson() };
    const issues = check(body.value);
    return issues.length === 0 || { error: unfitRequest("the body", issues) };
  };
}

/** Texts become the numbers that the schema wants; absent members get their defaults. */
function queryValidator(schema: TSchema): Validator {
  const check = compileCheck(schema);
  const properties = Object.entries((schema as unknown as { properties: Record<string, QueryMember> }).properties);
  return (query) => {
    const value = { ...(query as Record<string, unknown>) };
    for (const [name, member] of properties) {
      if (value[name] === undefined && member.default !== undefined) value[name] = member.default;
      if (member.type === "integer" && isDigits(value[name])) value[name] = Number(value[name]);
    }
    const issues = check(value);
    if (issues.length === 0) return { value };
    return { error: unfitRequest("the query", issues) };
  };
}

interface QueryMember {
  readonly type?: string;
  readonly default?: unknown;
}

function isDigits(value: unknown): value is string {
  return typeof value === "string" && /^-?\d+$/.test(value);
}

function notJson(): Error {
  return new HttpError(
    "media_type_unsupported",
    "this route takes JSON",
    "Send it with `content-type: application/json`.",
  );
}

/** What a request without a body gets where one is needed. */
export function noBody(): Error {
  return invalidRequest("the request has no body", [], "Send one, with its `content-type`.");
}
