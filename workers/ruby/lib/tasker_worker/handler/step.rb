# frozen_string_literal: true

require_relative "errors"
require_relative "outcome"

module TaskerWorker
  # One attempt of a step, as its handler sees it. Payloads are parsed JSON: hashes with strings as keys, and integers of any
  # size are exact.
  class Step
    # Guards who waits for a cancellation; taken for moments only.
    CANCELLATION = Mutex.new
    private_constant :CANCELLATION

    # @return [Hash] what the task was submitted with
    attr_reader :context
    # @return [Hash] the step's `config` in the template (seed: `handler_config`)
    attr_reader :config
    # @return [Hash] outputs of earlier steps, by step name
    attr_reader :previous_results
    # @return [String] UUID of the task, as `tasker task get` takes it
    attr_reader :task_id
    # @return [String] the step's name in the template
    attr_reader :step_name
    # @return [Integer] from 1
    attr_reader :attempt
    # @return [Integer]
    attr_reader :max_attempts
    # @return [String] the same for all attempts of this step, and no other step's: pass it on to the outside world
    attr_reader :idempotency_key
    # @return [Integer] milliseconds that this attempt may take
    attr_reader :timeout_ms
    # @return [Object, nil] what an earlier attempt saved with `checkpoint`, nil when there is nothing
    attr_reader :cursor

    # Of the wire and of the runner, not for handlers.
    attr_reader :origin, :batch_id, :lease_id, :step_id, :handler, :cancel_reason
    attr_writer :host
    # `started_at`: monotonic milliseconds, nil before it starts. `outcome`: nil while it runs, or when it merely stopped.
    attr_accessor :started_at, :outcome, :handler_version
    # Its time was over before the handler ended; the orchestrator has been told.
    attr_accessor :overdue
    # The orchestrator wants it to stop.
    attr_accessor :cancel_wanted

    # @param item [Hash] a step of a batch, as the codec read it
    # @param limits [Hash] of the orchestrator's welcome
    # @param origin [Integer] which orchestrator sent it: its place among the endpoints
    def initialize(item, origin: 0, batch_id: "", limits: {})
      @origin = origin
      @batch_id = batch_id
      @limits = limits
      @step_id = item["step_id"]
      @step_name = item["step_name"]
      @handler = item["handler_class"]
      @config = item["handler_config"]
      @context = item["task_context"]
      @previous_results = item["previous_results"]
      read_metadata(item["metadata"])
    end

    def last_attempt? = @attempt >= @max_attempts

    # Says how far it is, to whoever watches the task.
    # @param progress [Object] any JSON of at most 64 KiB; it travels with the next heartbeat
    def heartbeat(progress = nil)
      @host.progressed(self, progress)
      nil
    end

    # Saves how far it is, and returns once that is durable: an attempt after this one begins with it as its `cursor`.
    # @param cursor [Object] any JSON of at most 64 KiB; nil means to begin anew
    # @raise [CheckpointRefused] when it was not kept
    # @raise [Cancelled] when the step should stop
    def checkpoint(cursor)
      seq = nil
      CANCELLATION.synchronize { seq = @checkpoint_seq = (@checkpoint_seq || 0) + 1 }
      @host.checkpointed(self, seq, cursor)
      await_checkpoint(seq)
    end

    # It should stop: it ran out of time, its task was cancelled, or the worker leaves.
    def cancelled? = !@cancel_reason.nil?

    # @raise [Cancelled] when it should stop
    def raise_if_cancelled
      raise Cancelled, @cancel_reason if @cancel_reason
    end

    # Sleeps, but not longer than until the step should stop.
    # @param seconds [Numeric]
    # @raise [Cancelled] when it should stop
    def wait(seconds)
      deadline = Step.now + (seconds * 1_000)
      CANCELLATION.synchronize do
        @stopped ||= ConditionVariable.new
        @stopped.wait(CANCELLATION, [(deadline - Step.now) / 1_000.0, 0.001].max) until @cancel_reason || Step.now >= deadline
      end
      raise_if_cancelled
    end

    # @return [Log] structured logs that name task, step, attempt and lease
    def log
      @log ||= @host.log.with(task: @task_id, step: @step_name, attempt: @attempt, lease: @lease_id)
    end

    # The orchestrator has answered: the cursors up to this one are kept, or (`refused`) are not.
    def checkpoint_settled(seq, refused)
      CANCELLATION.synchronize do
        @settled_seq = seq
        @checkpoint_refused = refused
        @stopped&.broadcast
      end
    end

    # Asks the handler to stop. Only the first reason counts.
    def cancel(reason)
      return if @cancel_reason

      CANCELLATION.synchronize do
        @cancel_reason ||= reason
        @stopped&.broadcast
      end
    end

    def max_output_bytes = @limits["max_output_bytes"]

    def max_checkpoint_bytes = @limits["max_checkpoint_bytes"]

    # @return [Integer] milliseconds since it began; 0 before
    def execution_time_ms = @started_at ? (Step.now - @started_at).round : 0

    def inspect = "#<#{self.class} #{@step_name} of #{@task_id}, attempt #{@attempt}>"

    # Milliseconds that never jump.
    def self.now = Process.clock_gettime(Process::CLOCK_MONOTONIC, :float_millisecond)

    private

    def await_checkpoint(seq)
      CANCELLATION.synchronize do
        @stopped ||= ConditionVariable.new
        @stopped.wait(CANCELLATION) until (@settled_seq || 0) >= seq || @cancel_reason
      end
      raise_if_cancelled unless (@settled_seq || 0) >= seq
      raise CheckpointRefused, @checkpoint_refused if @checkpoint_refused
    end

    def read_metadata(metadata)
      @attempt = metadata["attempt"]
      @max_attempts = metadata["retry_limit"] + 1
      @timeout_ms = metadata["timeout_ms"]
      @lease_id = metadata["lease_id"]
      @idempotency_key = metadata["idempotency_key"]
      @task_id = metadata["task_uuid"]
      @cursor = metadata["checkpoint"]
    end
  end
end
