# frozen_string_literal: true

module TaskerWorker
  # The leases that a worker holds of one orchestrator: running or queued, or overdue (their timeout was reported, and the handler
  # may still answer).
  class Holdings
    # Handlers that never end must not fill the memory.
    MOST_OVERDUE = 10_000

    def initialize
      @held = {}
      @overdue = {}
    end

    def size = @held.size

    def lease_ids = @held.keys

    def key?(lease_id) = @held.key?(lease_id)

    def add(step)
      @held[step.lease_id] = step
    end

    # The handler ended, or its time did (`timed_out`).
    # @return [Boolean] whether it was held
    def end(lease_id, timed_out)
      step = @held.delete(lease_id)
      return !@overdue.delete(lease_id).nil? if step.nil?

      keep_overdue(step) if timed_out
      true
    end

    # It was given back without having begun. @return [Boolean] whether it was held
    def release(lease_id) = !@held.delete(lease_id).nil?

    private

    def keep_overdue(step)
      @overdue[step.lease_id] = step
      @overdue.shift if @overdue.size > MOST_OVERDUE
    end
  end
end
