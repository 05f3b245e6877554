# frozen_string_literal: true

# A worker whose handler answers at once, or after `HANDLER_MS`.
require "tasker_worker"

SECONDS = Integer(ENV.fetch("HANDLER_MS")) / 1000.0
OUTPUT = { order_id: 12_345, note: "x" * 70 }.freeze

worker = TaskerWorker::Worker.new
worker.handle("noop") do
  sleep(SECONDS) if SECONDS.positive?
  OUTPUT
end
worker.run
