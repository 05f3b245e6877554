# frozen_string_literal: true

require_relative "../tasker_worker"

module TaskerWorker
  # The test kit: runs one attempt of a handler as a worker does, without sockets or an orchestrator, in the thread of the test, so
  # that its transactions, stubs and breakpoints hold.
  module Testing
    # What came of an attempt.
    #
    # `status` is `:completed` or `:failed`; `output` is as the next step gets it, after JSON; `error` is nil or a hash with
    # `"message"`, `"code"` and perhaps `"type"` and `"backtrace"`; `retryable` nil means that the step's policy decides; `heartbeats` and
    # `checkpoints` are what the handler said, in order.
    Result = Struct.new(:status, :output, :error, :retryable, :retry_after_ms, :heartbeats, :checkpoints, keyword_init: true) do
      def completed? = status == :completed
    end

    HANDLER = "handler_under_test"
    private_constant :HANDLER

    # Runs a handler once. Payloads go through JSON as they do on the wire, so a handler that relies on symbols as keys fails here
    # too. A handler that runs past `timeout_ms` is asked to stop, and its result is the timeout.
    #
    # @param handler [Object] as of `Worker#handle`, or give a block
    # @param max_attempts [Integer] at least `attempt`
    # @param cancel_after_ms [Numeric, nil] when the step is cancelled; 0: before it begins
    # @param cursor [Object] what an earlier attempt saved
    # @param logger [Logger, nil] takes what the handler logs; else nothing is written
    # @return [Result]
    def self.run_handler(handler = nil, context: {}, config: {}, previous_results: {}, attempt: 1, max_attempts: 3, cursor: nil,
                         task_id: "0190a000-0000-7000-8000-000000000000", step_name: "step_under_test", idempotency_key: nil,
                         timeout_ms: 30_000, max_output_bytes: 4 * 1024 * 1024, cancel_after_ms: nil, logger: nil, &block)
      registry = HandlerRegistry.new
      registry.add(HANDLER, handler || block)
      host = Host.new(logger ? Log.to(logger) : Log.silent)
      metadata = { "attempt" => attempt, "retry_limit" => [attempt, max_attempts].max - 1, "timeout_ms" => timeout_ms,
                   "lease_id" => "batch_test.1", "idempotency_key" => idempotency_key || "#{task_id}:#{step_name}", "task_uuid" => task_id,
                   "checkpoint" => cursor }
      item = { "step_id" => 1, "step_name" => step_name, "handler_class" => HANDLER, "handler_config" => config, "task_context" => context,
               "previous_results" => previous_results, "metadata" => metadata }
      step = Step.new(JsonText.parse(JsonText.generate(item)), limits: Session::LIMITS_BEFORE_WELCOME.merge("max_output_bytes" => max_output_bytes))
      step.host = host
      host.result_of(perform(step, registry, timeout_ms, cancel_after_ms))
    end

    # @return [Outcome]
    def self.perform(step, registry, timeout_ms, cancel_after_ms)
      step.cancel("cancelled by the test") if cancel_after_ms&.zero?
      watch = Thread.new do
        sleep((cancel_after_ms && cancel_after_ms < timeout_ms ? cancel_after_ms : timeout_ms) / 1_000.0)
        step.cancel("cancelled by the test, or ran longer than #{timeout_ms} ms")
      end
      Execution.new(registry, around: HostProgram.around).perform(step)
      return Outcome.timed_out(step) if Step.now - step.started_at >= timeout_ms

      step.outcome || Outcome.cancelled(step, step.cancel_reason)
    ensure
      watch&.kill
    end
    private_class_method :perform

    # In place of the runner.
    class Host
      attr_reader :log

      def initialize(log)
        @log = log
        @heartbeats = []
        @checkpoints = []
      end

      def progressed(_step, progress)
        @heartbeats << JsonText.parse(JsonText.generate(progress))
      end

      def checkpointed(step, seq, cursor)
        @checkpoints << JsonText.parse(JsonText.generate(cursor))
        step.checkpoint_settled(seq, nil)
      end

      def result_of(outcome)
        Result.new(status: outcome.status, output: JsonText.parse(outcome.output), error: JsonText.parse(outcome.error),
                   retryable: outcome.retryable, retry_after_ms: outcome.retry_after_ms, heartbeats: @heartbeats, checkpoints: @checkpoints)
      end
    end
    private_constant :Host
  end
end
