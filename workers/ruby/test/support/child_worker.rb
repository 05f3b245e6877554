# frozen_string_literal: true

# A worker in a process of its own, for tests of what happens to processes. Each handler is named for what it does.
require "tasker_worker"

worker = TaskerWorker::Worker.new(drain_ms: Integer(ENV.fetch("DRAIN_MS", "10000")))
worker.handle("echo", &:context)
worker.handle("waits") do |step|
  sleep(step.context["ms"] / 1_000.0)
  { waited: step.context["ms"] }
end
worker.handle("computes") do |step|
  stop = Process.clock_gettime(Process::CLOCK_MONOTONIC, :float_millisecond) + step.context["ms"]
  nil while Process.clock_gettime(Process::CLOCK_MONOTONIC, :float_millisecond) < stop
  { computed: step.context["ms"] }
end
worker.handle("never_ends") { sleep }
worker.handle("exits") { exit(7) }
worker.handle("forks") do
  Process.wait(fork { exit(3) })
  { status: $?.exitstatus } # rubocop:disable Style/SpecialGlobalVars
end
worker.run
