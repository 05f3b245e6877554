# frozen_string_literal: true

# How a handler says what should follow its failure. Any other error fails the attempt, and the step's policy decides.
module TaskerWorker
  # Try again, at the earliest after `retry_after` (which wins over the step's backoff), as long as there are retries.
  class RetryableError < StandardError
    # @return [String, nil] a stable name for programs, in the step's error
    attr_reader :code
    # @return [Numeric, nil] seconds; nil leaves it to the step's backoff
    attr_reader :retry_after

    # @param retry_after [Numeric, #to_f, nil] seconds, or a duration such as `30.seconds`
    # @param code [String, nil] `timeout` is the protocol's word for "nobody knows whether it ran", so a handler's own
    #   `timeout` is reported as `handler_timeout`
    def initialize(message = nil, retry_after: nil, code: nil)
      super(message)
      @retry_after = retry_after
      @code = code
    end
  end

  # Trying again is of no use: the step fails now.
  class PermanentError < StandardError
    attr_reader :code

    # @param code [String, nil] as of RetryableError
    def initialize(message = nil, code: nil)
      super(message)
      @code = code
    end
  end

  # Raised by `step.checkpoint`: the orchestrator did not keep the cursor. `stale_lease`: the step is no longer this attempt's.
  class CheckpointRefused < StandardError
    # @return [String] `stale_lease`, `too_large` or `malformed`
    attr_reader :code

    def initialize(code)
      super("the checkpoint was refused: #{code}")
      @code = code
    end
  end

  # Raised by `step.raise_if_cancelled`, `step.wait` and `step.checkpoint`. A handler that lets it through has stopped because it was asked to.
  class Cancelled < StandardError; end
end
