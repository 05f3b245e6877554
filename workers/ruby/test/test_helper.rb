# frozen_string_literal: true

require "minitest/autorun"
require "tasker_worker"
require "tasker_worker/testing"

module TaskerWorker
  # Waits for a condition that another thread or process makes true, and asks again whenever told to look.
  class Noticeboard
    def initialize
      @lock = Mutex.new
      @changed = ConditionVariable.new
    end

    # @yield changes what is waited for
    def change
      @lock.synchronize do
        result = yield
        @changed.broadcast
        result
      end
    end

    # @return the first truthy answer of the block
    def await(what, within: 15)
      deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + within
      @lock.synchronize do
        loop do
          found = yield
          return found if found

          left = deadline - Process.clock_gettime(Process::CLOCK_MONOTONIC)
          raise "not within #{within} s: #{what}" if left <= 0

          @changed.wait(@lock, left)
        end
      end
    end
  end

  # Builds steps as a batch brings them.
  module Items
    LIMITS = { "max_message_bytes" => 1 << 24, "max_output_bytes" => 1 << 22, "max_steps_per_batch" => 10,
               "max_checkpoint_bytes" => 65_536 }.freeze

    module_function

    def item(lease_id: "batch_1.1", step_id: 1, handler: "work", context: {}, config: {}, previous_results: {}, attempt: 1,
             retry_limit: 2, timeout_ms: 30_000, **metadata)
      { "step_id" => step_id, "task_id" => 1, "step_name" => "a_step", "handler_class" => handler, "handler_config" => config,
        "task_context" => context, "previous_results" => previous_results,
        "metadata" => { "attempt" => attempt, "retry_limit" => retry_limit, "timeout_ms" => timeout_ms, "lease_id" => lease_id,
                        "idempotency_key" => "task:#{step_id}", "task_uuid" => "0190a000-0000-7000-8000-000000000000",
                        **metadata.transform_keys(&:to_s) } }
    end

    def step(**options)
      Step.new(item(**options), batch_id: "batch_1", limits: LIMITS)
    end
  end
end
