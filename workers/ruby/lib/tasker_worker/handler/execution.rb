# frozen_string_literal: true

require "English"
require_relative "outcome"

module TaskerWorker
  # Runs the handler of one attempt in the thread that calls. However the handler ends, the attempt has an outcome, or has
  # none because it only repeats that it was asked to stop.
  class Execution
    # Not a step's business: the process ends.
    FATAL = [SystemExit, SignalException, NoMemoryError].freeze

    # @param registry [HandlerRegistry]
    # @param around [#call] runs the block that it is given, e.g. in the executor of Rails
    # @param log_steps [Boolean] log a line for every step; otherwise for failed ones only
    def initialize(registry, around: nil, log_steps: false)
      @registry = registry
      @around = around
      @log_steps = log_steps
    end

    # Sets the step's outcome.
    def perform(step)
      step.started_at = Step.now
      step.log.debug("step.started", handler: step.handler) if @log_steps
      concluded = false
      step.outcome = finish(step)
      concluded = true
    ensure
      # `Thread.exit` unwinds without an exception.
      step.outcome = Outcome.raised(step, ThreadError.new("the handler ended its thread")) unless concluded || $ERROR_INFO
      log_end(step, step.outcome) if step.outcome && (@log_steps || step.outcome.failed?)
    end

    private

    def finish(step)
      Outcome.returned(step, run(step))
    rescue Cancelled => e
      # That it stopped because it was told to is no answer: it may have done its work by then, or half of it.
      step.cancelled? ? nil : Outcome.raised(step, e)
    rescue *FATAL
      raise
    rescue Exception => e # rubocop:disable Lint/RescueException
      Outcome.raised(step, e)
    end

    def run(step)
      handler = @registry[step.handler]
      step.handler_version = handler.version
      @around ? @around.call { handler.call(step) } : handler.call(step)
    end

    def log_end(step, outcome)
      fields = { status: outcome.status, code: outcome.error_code, execution_ms: outcome.execution_time_ms }
      return step.log.debug("step.completed", **fields) unless outcome.failed?

      step.log.warn("step.failed", **fields, message: JSON.parse(outcome.error)["message"])
    end
  end
end
