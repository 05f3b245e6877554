/** Templates: apply a version, list them, look at one. */
import { TaskerError } from "@tasker/engine";
import Type from "typebox";
import { noBody } from "../request/validate.ts";
import { commandProblems, type Parts, type Route, sendJson } from "../route.ts";
import {
  type TemplateParams,
  type TemplateVersionParams,
  templateParamsSchema,
  templateVersionParamsSchema,
} from "../schemas/requests.ts";
import { pageOf, reference } from "../schemas/responses.ts";

/** Media types of template documents; the loader reads them all as YAML, which JSON is a part of. */
export const templateMediaTypes = [
  "application/yaml",
  "application/x-yaml",
  "text/yaml",
  "text/x-yaml",
  "text/plain",
] as const;

export function putTemplate({ commands, limits }: Parts): Route {
  const schema = Type.String({ description: "The document; its names must be those of the path." });
  return {
    operationId: "putTemplate",
    summary: "Apply a template version; a version never changes once applied",
    tag: "templates",
    params: templateVersionParamsSchema,
    body: {
      content: Object.fromEntries([...templateMediaTypes, "application/json"].map((type) => [type, { schema }])),
    },
    bodyLimit: limits.templateBytes,
    answers: {
      201: { description: "Created.", schema: reference("Template") },
      200: { description: "The same was there already.", schema: reference("Template") },
    },
    problems: ["template_invalid", "template_conflict", ...commandProblems],
    handler: async (request, reply) => {
      const { namespace, name, version } = request.params as TemplateVersionParams;
      const body = request.body as { readonly text: string } | undefined;
      if (body === undefined) throw noBody();
      const contentType = request.headers["content-type"]!.split(";")[0]!.trim().toLowerCase();
      reply.noted = { template: `${namespace}/${name}@${version}` };
      const { created, json } = await commands.applyTemplate(body.text, { namespace, name, version }, contentType);
      return sendJson(reply, created ? 201 : 200, json);
    },
  };
}

export function getTemplate({ reader }: Parts): Route {
  return {
    operationId: "getTemplate",
    summary: "One version of a template, with its source",
    tag: "templates",
    params: templateVersionParamsSchema,
    answers: { 200: { description: "The template.", schema: reference("Template") } },
    problems: ["template_not_found"],
    handler: async (request, reply) => {
      const { namespace, name, version } = request.params as TemplateVersionParams;
      const json = await reader.template(namespace, name, version);
      if (json === null) throw templateNotFound(`${namespace}/${name}@${version}`);
      return sendJson(reply, 200, json);
    },
  };
}

export function getHighestTemplate({ reader }: Parts): Route {
  return {
    operationId: "getHighestTemplate",
    summary: "The highest version of a template, with its source",
    tag: "templates",
    params: templateParamsSchema,
    answers: { 200: { description: "The template.", schema: reference("Template") } },
    problems: ["template_not_found"],
    handler: async (request, reply) => {
      const { namespace, name } = request.params as TemplateParams;
      const json = await reader.template(namespace, name, null);
      if (json === null) throw templateNotFound(`${namespace}/${name}`);
      return sendJson(reply, 200, json);
    },
  };
}

export function listTemplates({ reader }: Parts): Route {
  return {
    operationId: "listTemplates",
    summary: "Every version of every template",
    tag: "templates",
    answers: { 200: { description: "All, in one page.", schema: pageOf(reference("TemplateItem")) } },
    problems: [],
    handler: async (_request, reply) => sendJson(reply, 200, await reader.templates()),
  };
}

function templateNotFound(name: string): TaskerError {
  return new TaskerError("template_not_found", `no template is ${JSON.stringify(name)}`, {
    hint: "`GET /v1/templates` lists what there is; apply one with PUT.",
  });
}
