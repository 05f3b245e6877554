/**
 * The only place where the parts of an orchestrator are joined. They start in the order in which they need each other and
 * stop in reverse: first nothing new comes in, then the last turn ends, then the store closes.
 */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { Engine, type Log, type Store, TaskerError } from "@tasker/engine";
import { defaultZeromqConfig, startZeromqExecutor, type ZeromqConfig, type ZeromqExecutor } from "@tasker/executors";
import { createHttpApi } from "@tasker/http-api";
import { openStore } from "@tasker/store";
import { compileSchema } from "@tasker/templates";
import { type AppliedTemplate, applyTemplate, applyTemplateFolder, type TemplateSettings } from "./apply-templates.ts";
import { engineCommands } from "./commands.ts";
import { addressText, type ServerConfig } from "./config.ts";
import { watchDisk } from "./disk-watch.ts";
import { watchHeap } from "./heap-watch.ts";
import { openLog } from "./log.ts";
import { eventLoopScheduler, machineClock, machineRandom } from "./platform.ts";
import { startReaderThread } from "./reader/reader-client.ts";

export interface RunningServer {
  /** Base URL. */
  readonly http: string;
  /** Endpoints for workers, as bound. */
  readonly steps: string;
  readonly results: string;
  /** Applies template text to the running engine. @throws TaskerError `template_invalid`, `template_conflict` */
  applyTemplate(text: string, file: string): Promise<AppliedTemplate>;
  /** Ends everything in order; the second call waits for the first. */
  stop(reason: string): Promise<void>;
  /** Settles once it has stopped. @throws Error when it had to give up because its store failed */
  readonly finished: Promise<void>;
}

export const version = (
  JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string }
).version;

/** @throws TaskerError when a part cannot start; whatever had started is stopped again */
export async function startServer(config: ServerConfig, log: Log = openLog(config.logLevel)): Promise<RunningServer> {
  for (const warning of config.warnings) log.warn("config.warning", { warning });
  const parts = new Parts();
  try {
    parts.started(watchHeap());
    const store = await openStore({ database: config.database, publishing: "thread" });
    parts.started(() => store.close());
    parts.started(await watchDisk({ file: config.database, warnBelowBytes: config.diskWarningBytes, log }));
    const engine = await startEngine(config, store, log);
    const reader = await startReaderThread(config.database, store, engine);
    parts.started(() => reader.close());
    const executor = await startExecutor(config, engine, log);
    parts.started(() => executor.stop({ drainMs: config.drainMs }));
    // Before the executor, which then still sends what the last turn has released.
    parts.started(() => engine.stop());
    const templates = templateSettings(config);
    if (config.templates !== null) await applyTemplateFolder(engine, templates, config.templates, log);
    const commands = engineCommands(engine, reader, templates, executor.counters);
    const api = await createHttpApi({ commands, reader, log, version, limits: httpLimits(config) });
    parts.started(() => api.close());
    const http = await listen(api, config);
    return parts.running(config, { http, executor, engine, templates, log });
  } catch (error) {
    await parts.stop();
    throw error;
  }
}

interface Joined {
  readonly http: string;
  readonly executor: ZeromqExecutor;
  readonly engine: Engine;
  readonly templates: TemplateSettings;
  readonly log: Log;
}

/** What has been started, and how to stop it. */
class Parts {
  readonly #stops: (() => unknown)[] = [];
  #stopped: Promise<void> | null = null;

  started(stop: () => unknown): void {
    this.#stops.unshift(stop);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stopAll();
    return this.#stopped;
  }

  running(config: ServerConfig, { http, executor, engine, templates, log }: Joined): RunningServer {
    const { promise: finished, resolve, reject } = Promise.withResolvers<void>();
    finished.catch(() => {});
    void engine.failed.then(async (error) => {
      await this.stop().catch(() => {});
      reject(error);
    });
    const steps = executor.endpoints.steps[0]!;
    log.info("server.ready", { http, steps, results: executor.endpoints.results[0]!, database: config.database });
    return {
      http,
      steps: config.stepExecution.workerSteps ?? steps,
      results: executor.endpoints.results[0]!,
      finished,
      applyTemplate: (text, file) => applyTemplate(engine, templates, text, file),
      stop: async (reason) => {
        log.info("server.stopping", { reason });
        await this.stop();
        log.info("server.stopped", {});
        resolve();
      },
    };
  }

  async #stopAll(): Promise<void> {
    for (const stop of this.#stops.splice(0)) await stop();
  }
}

async function startEngine(config: ServerConfig, store: Store, log: Log): Promise<Engine> {
  const { limits, stepExecution } = config;
  const ports = {
    store,
    log,
    compileSchema,
    clock: machineClock,
    random: machineRandom(),
    scheduler: eventLoopScheduler(machineClock),
  };
  const engine = new Engine(ports, {
    batchSize: stepExecution.batchSize,
    leaseGraceMs: config.leaseGraceMs,
    maxOutputBytes: limits.maxOutputBytes,
    maxErrorBytes: limits.maxErrorBytes,
    maxPendingSubmissions: limits.maxPendingSubmissions,
    maxPendingSubmissionBytes: limits.maxPendingSubmissionBytes,
    maxPendingResults: limits.maxPendingResults,
    maxPendingResultBytes: limits.maxPendingResultBytes,
    payloadCacheBytes: limits.payloadCacheBytes,
    traceSteps: config.logLevel === "debug",
  });
  await engine.start();
  return engine;
}

function startExecutor(config: ServerConfig, engine: Engine, log: Log): Promise<ZeromqExecutor> {
  const { stepExecution, limits } = config;
  const zeromq: ZeromqConfig = {
    ...defaultZeromqConfig,
    steps: [stepExecution.steps],
    results: [stepExecution.results],
    connectResults: stepExecution.connectResults,
    batchSize: stepExecution.batchSize,
    stepQueueHwm: stepExecution.stepQueueHwm,
    resultQueueHwm: stepExecution.resultQueueHwm,
    allowInsecureTcp: stepExecution.allowInsecureTcp,
    limits: {
      ...defaultZeromqConfig.limits,
      // A message may hold several outputs; the SDKs keep each message below the limit that they are told.
      maxMessageBytes: Math.max(limits.maxMessageBytes, 2 * limits.maxOutputBytes),
      maxOutputBytes: limits.maxOutputBytes,
      maxStepsPerBatch: stepExecution.batchSize,
      maxSessions: limits.maxSessions,
      maxDeclaredLeases: limits.maxDeclaredLeases,
      maxPlainSlots: limits.maxPlainWorkers,
      maxSubscriptions: limits.maxSubscriptions,
      maxSubscriptionsPerSecond: limits.maxSubscriptionsPerSecond,
    },
  };
  const ports = {
    clock: machineClock,
    random: machineRandom(),
    log,
    orchestratorId: `${hostname()}-${process.pid}`,
    isCongested: () => engine.isCongested,
  };
  return startZeromqExecutor(zeromq, engine.workerEvents, ports);
}

function templateSettings({ environment, limits, stepExecution }: ServerConfig): TemplateSettings {
  return { environment, defaults: { timeoutMs: stepExecution.resultTimeoutMs }, maxSteps: limits.maxStepsPerTask };
}

function httpLimits({ limits }: ServerConfig) {
  return {
    bodyBytes: limits.maxBodyBytes,
    pendingBodyBytes: limits.maxPendingBodyBytes,
    templateBytes: limits.maxTemplateBytes,
    contextBytes: limits.maxContextBytes,
    bulkTasks: limits.maxBulkTasks,
    tags: limits.maxTags,
    pageItems: limits.maxPageItems,
    streams: limits.maxStreams,
    streamBufferBytes: limits.streamBufferBytes,
    streamStallMs: limits.streamStallMs,
  };
}

async function listen(api: Awaited<ReturnType<typeof createHttpApi>>, { http }: ServerConfig): Promise<string> {
  try {
    return await api.listen({ host: http.host, port: http.port });
  } catch (error) {
    const taken = (error as NodeJS.ErrnoException).code === "EADDRINUSE";
    throw new TaskerError(
      "endpoint_unusable",
      `http: cannot listen on ${addressText(http)}: ${(error as Error).message}`,
      {
        hint: taken
          ? "Stop the process that listens there, or choose another: --http 127.0.0.1:0 takes a free one."
          : "Check the address.",
        cause: error,
      },
    );
  }
}
