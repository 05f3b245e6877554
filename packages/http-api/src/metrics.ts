/**
 * Metrics in the text format of Prometheus. The engine keeps plain numbers; they are read when somebody asks, so that
 * counting costs the turns nothing more. Names begin with `tasker_`, times are in seconds.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Histogram as EngineHistogram } from "@tasker/engine";
import { Counter, Histogram, type Metric, Registry } from "prom-client";
import type { Commands } from "./ports.ts";
import type { ProblemCode } from "./problem.ts";

interface Sample {
  readonly value: number;
  readonly labels?: Record<string, string | number>;
  /** Of the parts of a histogram. */
  readonly metricName?: string;
}

type Kind = "counter" | "gauge" | "histogram" | "summary";

/** How often the lag of the event loop is sampled, in ms; a sample is this long plus the lag. */
const lagResolutionMs = 20;

const requestBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

export class HttpMetrics {
  readonly #registry = new Registry();
  readonly #requests: Histogram<"method" | "route" | "status">;
  readonly #problems: Counter<"code">;
  readonly #lag = monitorEventLoopDelay({ resolution: lagResolutionMs });

  /** @param openStreams how many event streams are open now */
  constructor(commands: Commands, openStreams: () => number) {
    this.#lag.enable();
    this.#requests = new Histogram({
      name: "tasker_http_request_duration_seconds",
      help: "Time from the arrival of a request to the end of its answer.",
      labelNames: ["method", "route", "status"],
      buckets: requestBounds,
      registers: [this.#registry],
    });
    this.#problems = new Counter({
      name: "tasker_http_problems_total",
      help: "Requests that were refused, by the code of their problem.",
      labelNames: ["code"],
      registers: [this.#registry],
    });
    this.#gauge("tasker_http_streams", "Event streams that are open.", openStreams);
    this.#readEngine(commands);
    this.#readWorkers(commands);
    this.#readPeers(commands);
    this.#readProcess();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  observeRequest(method: string, route: string, status: number, ms: number): void {
    this.#requests.observe({ method, route, status: String(status) }, ms / 1000);
  }

  countProblem(code: ProblemCode): void {
    this.#problems.inc({ code });
  }

  async text(): Promise<string> {
    const text = await this.#registry.metrics();
    this.#lag.reset();
    return text;
  }

  close(): void {
    this.#lag.disable();
  }

  #readEngine(commands: Commands): void {
    const engine = () => commands.readings().engine;
    this.#histogram("tasker_queue_time_seconds", "From ready to leased.", () => engine().queueTime);
    this.#histogram("tasker_commit_time_seconds", "One commit of the store.", () => engine().commitTime);
    this.#labelled("counter", "tasker_attempts_total", "Attempts by outcome.", "outcome", () => engine().attempts);
    this.#labelled("counter", "tasker_results_total", "Results by what was done.", "outcome", () => engine().results);
    this.#counter("tasker_stale_results_total", "Results that changed nothing: late, duplicate or unknown.", () => {
      const { late_recorded, duplicate, unknown } = engine().results;
      return late_recorded + duplicate + unknown;
    });
    const saved = "Cursors that handlers saved, by what was done.";
    this.#labelled("counter", "tasker_checkpoints_total", saved, "outcome", () => engine().checkpoints);
    this.#labelled("counter", "tasker_tasks_total", "Tasks by what became of them.", "event", () => engine().tasks);
    this.#labelled("gauge", "tasker_steps", "Steps of active tasks by state.", "state", () => engine().steps);
    this.#gauge("tasker_active_tasks", "Tasks that are not final.", () => commands.readings().activeTasks);
    this.#gauge(
      "tasker_oldest_ready_step_age_seconds",
      "How long the oldest ready step has waited; 0 when none does.",
      () => (commands.readings().oldestReadyMs ?? 0) / 1000,
    );
    this.#counter("tasker_turns_total", "Turns of the engine.", () => engine().turns);
    this.#counter("tasker_commits_total", "Commits of the store.", () => engine().commits);
    this.#counter("tasker_failed_commits_total", "Commits that failed.", () => engine().failedCommits);
  }

  #readWorkers(commands: Commands): void {
    this.#add("gauge", "tasker_workers", "Connected workers by status.", () => {
      const counts: Record<string, number> = { ready: 0 };
      for (const { status } of commands.workers()) counts[status] = (counts[status] ?? 0) + 1;
      return labelled("status", counts);
    });
    const sum = (of: "capacity" | "in_flight") => () =>
      commands.workers().reduce((total, worker) => total + worker[of], 0);
    this.#gauge("tasker_worker_slots", "Steps that the connected workers can hold at once.", sum("capacity"));
    this.#gauge("tasker_worker_steps", "Steps that they hold now.", sum("in_flight"));
  }

  #readPeers(commands: Commands): void {
    const peers = () => commands.readings().peers;
    this.#counter("tasker_frames_received_total", "Messages of workers.", () => peers().framesIn);
    this.#counter("tasker_frames_sent_total", "Messages to workers.", () => peers().framesOut);
    this.#counter("tasker_sends_refused_total", "Messages that a full queue refused.", () => peers().sendsRefused);
    this.#counter("tasker_sessions_lost_total", "Sessions that ended.", () => peers().sessionsLost);
    this.#counter("tasker_leases_missing_total", "Leases lost on their way.", () => peers().leasesMissing);
    this.#counter(
      "tasker_subscriptions_refused_total",
      "Subscriptions that got nothing.",
      () => peers().subscriptionsRefused,
    );
    this.#counter(
      "tasker_subscription_floods_total",
      "Times that all connections were cut because of too many subscriptions.",
      () => peers().subscriptionFloods,
    );
    const refused = "Messages of workers that could not be read.";
    this.#labelled("counter", "tasker_frames_refused_total", refused, "code", () => peers().badFrames);
    const sent = "Sessions that were told to go away.";
    this.#labelled("counter", "tasker_sessions_refused_total", sent, "reason", () => peers().sessionsRefused);
  }

  #readProcess(): void {
    const lagSeconds = (sampleNs: number) => Math.max(0, sampleNs / 1e6 - lagResolutionMs || 0) / 1000;
    this.#add("summary", "tasker_event_loop_lag_seconds", "Delay of the event loop since the last scrape.", () => [
      { value: lagSeconds(this.#lag.percentile(50)), labels: { quantile: 0.5 } },
      { value: lagSeconds(this.#lag.percentile(99)), labels: { quantile: 0.99 } },
      { value: lagSeconds(this.#lag.max), labels: { quantile: 1 } },
    ]);
    this.#gauge("process_resident_memory_bytes", "Resident memory.", () => process.memoryUsage.rss());
    this.#gauge("nodejs_heap_size_used_bytes", "JavaScript heap in use.", () => process.memoryUsage().heapUsed);
    this.#gauge("process_start_time_seconds", "Start, since 1970.", () => Date.now() / 1000 - process.uptime());
    this.#counter("process_cpu_seconds_total", "Processor time.", () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    });
  }

  #counter(name: string, help: string, read: () => number): void {
    this.#add("counter", name, help, () => [{ value: read() }]);
  }

  #gauge(name: string, help: string, read: () => number): void {
    this.#add("gauge", name, help, () => [{ value: read() }]);
  }

  #labelled(kind: Kind, name: string, help: string, label: string, read: () => Readonly<Record<string, number>>): void {
    this.#add(kind, name, help, () => labelled(label, read()));
  }

  #histogram(name: string, help: string, read: () => EngineHistogram): void {
    this.#add("histogram", name, help, () => histogramSamples(name, read()));
  }

  /** A registry asks a metric for its samples and nothing else, so one that only reads needs no state of its own. */
  #add(type: Kind, name: string, help: string, read: () => Sample[]): void {
    const metric = { name, help, get: async () => ({ name, help, type, values: read(), aggregator: "sum" }) };
    this.#registry.registerMetric(metric as unknown as Metric);
  }
}

function labelled(label: string, values: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(values).map(([name, value]) => ({ value, labels: { [label]: name } }));
}

/** The engine counts milliseconds, each observation in one bucket; Prometheus wants seconds, and buckets that add up. */
function histogramSamples(name: string, { bounds, counts, sum }: EngineHistogram): Sample[] {
  let total = 0;
  const samples: Sample[] = counts.map((count, index) => {
    total += count;
    const le = index < bounds.length ? bounds[index]! / 1000 : "+Inf";
    return { value: total, labels: { le }, metricName: `${name}_bucket` };
  });
  samples.push({ value: sum / 1000, metricName: `${name}_sum` }, { value: total, metricName: `${name}_count` });
  return samples;
}
