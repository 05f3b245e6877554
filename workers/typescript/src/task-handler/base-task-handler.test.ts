import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Sequence, Task } from "../handler/registry.ts";
import { Worker } from "../worker.ts";
import { BaseTaskHandler, TaskHandlerRegistry } from "./base-task-handler.ts";
import { OrchestratorClient } from "./orchestrator-client.ts";

class GreetHandler {
  static readonly VERSION = "1.0.0";
  process(task: Task, sequence: Sequence) {
    return { text: `hello ${task.context.name}`, before: sequence.previousResults };
  }
}

class GreetingHandler extends BaseTaskHandler {
  static override readonly namespace = "test";
  static override readonly template = "greeting";
  static override readonly stepHandlers = { greet: GreetHandler };
}

let server: Server;
let client: OrchestratorClient;
let asked: string[];
/** What the server answers, in this order; the last one again and again. */
let answers: { status: number; body: string }[];

beforeEach(async () => {
  asked = [];
  answers = [{ status: 200, body: "{}" }];
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      asked.push(`${request.method} ${request.url} ${body}`.trim());
      const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
      response.writeHead(answer.status, { "content-type": "application/json" }).end(answer.body);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  client = new OrchestratorClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, "close");
});

const task = (status: string) => ({
  status: 200,
  body: `{"id":"t1","namespace":"test","name":"greeting","status":"${status}","steps":[]}`,
});

test("initialize_task submits a task of the handler's template, its integers exact", async () => {
  answers = [task("in_progress")];
  const id = await new GreetingHandler(client).initialize_task({ context: { id: 2n ** 60n }, tags: ["a"] });
  expect(id).toBe("t1");
  expect(asked).toEqual([
    'POST /v1/tasks {"namespace":"test","name":"greeting","context":{"id":1152921504606846976},"tags":["a"]}',
  ]);
});

test("handle looks until the task is where it stays", async () => {
  answers = [task("in_progress"), task("in_progress"), task("blocked")];
  expect((await new GreetingHandler(client).handle("t1")).status).toBe("blocked");
  expect(asked).toEqual(["GET /v1/tasks/t1", "GET /v1/tasks/t1", "GET /v1/tasks/t1"]);
});

test("handle with no time answers the state as it is", async () => {
  answers = [task("in_progress")];
  expect((await new GreetingHandler(client).handle("t1", 0)).status).toBe("in_progress");
});

test("the registry finds the handlers of a task's steps", async () => {
  answers = [task("in_progress")];
  const handler = await new TaskHandlerRegistry(client).register(GreetingHandler).get_task_handler_for_task("t1");
  expect(handler?.get_step_handler_from_name("greet")).toBeInstanceOf(GreetHandler);
  expect(handler?.get_step_handler_from_name("constructor")).toBeUndefined();
});

test("the handlers of the steps are registered under their class names", () => {
  const worker = new Worker({ stepsEndpoint: "ipc://a", resultsEndpoint: "ipc://b" });
  const handler = new GreetingHandler(client);
  handler.registerSteps(worker, "Demo::");
  expect(() => handler.registerSteps(worker, "Demo::")).toThrow('handle("Demo::GreetHandler")');
});

test("a refusal is an error with the problem's code", async () => {
  answers = [{ status: 404, body: '{"code":"template_not_found","detail":"there is no template test/greeting"}' }];
  await expect(new GreetingHandler(client).initialize_task()).rejects.toMatchObject({
    name: "OrchestratorError",
    code: "template_not_found",
    status: 404,
    message: "the orchestrator refused: there is no template test/greeting",
  });
  answers = [{ status: 502, body: "<html>" }];
  await expect(new GreetingHandler(client).handle("t1")).rejects.toMatchObject({ code: null, status: 502 });
});

test("an orchestrator that is not there is an error that says where it was looked for", async () => {
  const nobody = new GreetingHandler(new OrchestratorClient("http://127.0.0.1:9"));
  await expect(nobody.handle("t1")).rejects.toThrow(/cannot reach the orchestrator at http:\/\/127\.0\.0\.1:9: /);
});
