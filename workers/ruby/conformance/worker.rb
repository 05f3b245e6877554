# frozen_string_literal: true

# The worker that `tasker conformance` tests: the handlers of protocol/conformance.md, section 2, by the SDK's ordinary means.
#
#   tasker conformance -- ruby -I workers/ruby/lib workers/ruby/conformance/worker.rb
$LOAD_PATH.unshift(File.expand_path("../lib", __dir__))
require "tasker_worker"

def milliseconds = Process.clock_gettime(Process::CLOCK_MONOTONIC, :float_millisecond)

def wait(step, milliseconds)
  step.wait(milliseconds / 1_000.0)
end

def die = Process.kill("KILL", Process.pid)

worker = TaskerWorker::Worker.new

worker.handle("conformance.echo", &:context)

worker.handle("conformance.inspect") do |step|
  { attempt: step.attempt, max_attempts: step.max_attempts, is_last_attempt: step.last_attempt?, idempotency_key: step.idempotency_key,
    config: step.config, previous_results: step.previous_results, cursor: step.cursor }
end

worker.handle("conformance.sleep") do |step|
  ms = step.config["ms"]
  step.config["stubborn"] ? sleep(ms / 1_000.0) : wait(step, ms)
  { slept_ms: ms }
end

worker.handle("conformance.busy") do |step|
  ms = step.config["ms"]
  stop = milliseconds + ms
  nil while milliseconds < stop
  { busy_ms: ms }
end

worker.handle("conformance.fail") do |step|
  kind, message, code, retry_after_ms, until_attempt = step.config.values_at("kind", "message", "code", "retry_after_ms", "until_attempt")
  if until_attempt.nil? || step.attempt < until_attempt
    raise TaskerWorker::RetryableError.new(message, code:, retry_after: retry_after_ms && (retry_after_ms / 1_000.0)) if kind == "retryable"
    raise TaskerWorker::PermanentError.new(message, code:) if kind == "permanent"

    raise message
  end
  { attempt: step.attempt }
end

worker.handle("conformance.record") do |step|
  File.open(step.config["file"], File::WRONLY | File::APPEND | File::CREAT) do |file|
    file.syswrite("#{step.task_id} #{step.step_name} #{step.attempt}\n")
  end
  wait(step, step.config["ms"]) if step.config["ms"]
  { attempt: step.attempt }
end

worker.handle("conformance.crash") do |step|
  die if step.attempt < step.config["until_attempt"]
  { attempt: step.attempt }
end

worker.handle("conformance.large") { |step| { text: "x" * step.config["bytes"] } }

worker.handle("conformance.not_json") do
  circle = {}
  circle[:itself] = circle
end

worker.handle("conformance.progress") do |step|
  count, interval_ms = step.config.values_at("count", "interval_ms")
  (1..count).each do |done|
    wait(step, interval_ms)
    step.heartbeat(done:, of: count)
  end
  { done: count }
end

worker.handle("conformance.checkpoint") do |step|
  count, interval_ms, crash_at = step.config.values_at("count", "interval_ms", "crash_at")
  started_at = step.cursor ? step.cursor["position"] : 0
  position = started_at
  while position < count
    wait(step, interval_ms)
    position += 1
    step.checkpoint(position:)
    if position == crash_at && step.attempt == 1
      wait(step, 2 * interval_ms)
      die
    end
  end
  { started_at:, position: }
end

worker.run
