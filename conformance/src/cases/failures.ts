/** Handlers fail, and what they return cannot be sent: the step fails as it should, and the session lives. */
import { type Case, demand } from "../case.ts";
import type { ResultSeen, Stage } from "../stage.ts";

export const failureCases: readonly Case[] = [
  {
    name: "failures/retryable",
    clauses: ["R-18", "R-28", "C-8"],
    protocols: ["2.0"],
    async run(stage) {
      const seen = await failed(stage, {
        kind: "retryable",
        message: "später",
        code: "busy_now",
        retry_after_ms: 1_234,
      });
      const { metadata, error_code } = seen.item;
      demand(error_code === "busy_now", "error.code busy_now", String(error_code), seen.message);
      demand(metadata.retry_after_ms === 1_234, "retry_after_ms 1234", String(metadata.retry_after_ms), seen.message);
      demand(metadata.retryable !== false, "retryable not false", "false", seen.message);
    },
  },
  {
    name: "failures/permanent",
    clauses: ["R-18", "R-28", "C-8"],
    protocols: ["1.0", "2.0"],
    async run(stage) {
      const seen = await failed(stage, { kind: "permanent", message: "the card was declined", code: "card_declined" });
      const { metadata, error_code } = seen.item;
      demand(metadata.retryable === false, "retryable false", String(metadata.retryable), seen.message);
      if (stage.protocol === "1.0") return;
      demand(error_code === "card_declined", "error.code card_declined", String(error_code), seen.message);
    },
  },
  {
    name: "failures/an-ordinary-error",
    clauses: ["R-18", "C-8"],
    protocols: ["1.0", "2.0"],
    async run(stage) {
      const seen = await failed(stage, { kind: "error", message: 'it broke: "äöü" \u2028 \ud83d\ude80' });
      demand(seen.item.metadata.retryable !== false, "retryable not false", "false", seen.message);
      await stage.isWell();
    },
  },
  {
    name: "failures/tried-again",
    clauses: ["R-12", "R-18"],
    protocols: ["1.0", "2.0"],
    async run(stage) {
      const step = { handler: "conformance.fail", retry: { limit: 3, base: "50ms" } };
      const config = { kind: "retryable", message: "not yet", until_attempt: 3, retry_after_ms: 50 };
      const task = await stage.completes(await stage.submit([{ name: "third", ...step, config }]), 30_000);
      const [{ attempt, output } = { attempt: 0, output: null }] = task.steps;
      demand(attempt === 3, "the third attempt to complete", String(attempt));
      demand((output as { attempt?: number })?.attempt === 3, 'the output {"attempt":3}', JSON.stringify(output));
    },
  },
  {
    name: "failures/an-output-that-is-too-large",
    clauses: ["R-28", "R-71"],
    protocols: ["2.0"],
    async run(stage) {
      const tooLarge = 4 * 1024 * 1024 + 1;
      const batch = stage.give([
        { handler: "conformance.large", config: { bytes: tooLarge } },
        { handler: "conformance.echo" },
      ]);
      const { item, message } = await stage.result(batch, 0);
      demand(item.error_code === "output_too_large", "failed, with error.code output_too_large", shown(item), message);
      await stage.completed(batch, 1);
      await stage.isWell();
    },
  },
  {
    name: "failures/an-output-larger-than-the-welcome-allows",
    clauses: ["R-71"],
    protocols: ["2.0"],
    alone: true,
    startsWorker: true,
    async run(stage) {
      stage.rule((message) => {
        if (message.isFromWorker || message.type !== "welcome") return undefined;
        const limits = { ...message.json.limits, max_output_bytes: 2_000 };
        return Buffer.from(`${message.topic} ${JSON.stringify({ ...message.json, limits })}`);
      });
      stage.launch();
      await stage.heartbeat("a heartbeat", undefined, { ms: 30_000 });
      const batch = stage.give([
        { handler: "conformance.large", config: { bytes: 1_900 } },
        { handler: "conformance.large", config: { bytes: 2_000 } },
      ]);
      await stage.completed(batch, 0);
      const { item, message } = await stage.result(batch, 1);
      demand(item.error_code === "output_too_large", "failed, with error.code output_too_large", shown(item), message);
    },
  },
  {
    name: "failures/an-output-that-is-no-json",
    clauses: ["R-71"],
    protocols: ["2.0"],
    needs: ["conformance.not_json"],
    async run(stage) {
      const batch = stage.give([{ handler: "conformance.not_json" }, { handler: "conformance.echo" }]);
      const { item, message } = await stage.result(batch, 0);
      demand(item.status !== "completed", "failed", shown(item), message);
      await stage.completed(batch, 1);
    },
  },
  {
    name: "failures/a-handler-that-never-ends",
    clauses: ["R-36", "R-57"],
    protocols: ["2.0"],
    alone: true,
    concurrency: 2,
    async run(stage) {
      const hang = { handler: "conformance.sleep", config: { ms: 600_000, stubborn: true }, timeoutMs: 300 };
      const batch = stage.give([hang]);
      const { item, message } = await stage.result(batch);
      demand(item.error_code === "timeout", "failed, with error.code timeout", shown(item), message);
      await stage.isWell();
      await stage.isWell();
    },
  },
];

async function failed(
  stage: Stage,
  config: { readonly message: string; [member: string]: unknown },
): Promise<ResultSeen> {
  const seen = await stage.result(stage.give([{ handler: "conformance.fail", config, retryLimit: 5 }]));
  const { item, error, message } = seen;
  demand(item.status === "failed" || item.status === "error", "failed", shown(item), message);
  const text = typeof error?.message === "string" ? error.message : "";
  demand(text.includes(config.message), `an error.message with ${JSON.stringify(config.message)}`, item.error, message);
  return seen;
}

function shown(item: ResultSeen["item"]): string {
  return `${item.status} ${item.status === "completed" ? item.output.slice(0, 100) : item.error}`;
}
