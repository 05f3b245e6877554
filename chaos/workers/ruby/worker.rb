# frozen_string_literal: true

# The worker of the runs in Ruby: `chaos.work` and `chaos.gate`, as in ../typescript/worker.ts.
require "json"
require "tasker_worker"

def write(step, said)
  line = { at: (Time.now.to_f * 1_000).round, task: step.task_id, step: step.step_name, attempt: step.attempt, worker: ENV.fetch("TASKER_WORKER_ID") }
  File.open(ENV.fetch("CHAOS_LOG"), "a") { |file| file.write("#{JSON.generate(line.merge(said))}\n") }
end

def logged(step)
  write(step, event: "started")
  yield
  write(step, event: "ended", outcome: "completed")
  { attempt: step.attempt }
rescue StandardError
  write(step, event: "ended", outcome: "failed")
  raise
end

worker = TaskerWorker::Worker.new

worker.handle("chaos.work") do |step|
  logged(step) do
    sleep((step.context["ms"] || step.config["ms"] || 1) / 1_000.0)
    raise TaskerWorker::RetryableError, "attempt #{step.attempt} fails" if step.attempt <= (step.config["fails"] || 0)
  end
end

worker.handle("chaos.gate") do |step|
  logged(step) do
    until File.exist?(step.context["gate"])
      step.raise_if_cancelled
      sleep(0.01)
    end
  end
end

worker.run
