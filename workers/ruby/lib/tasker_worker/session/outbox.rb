# frozen_string_literal: true

module TaskerWorker
  # Results that the orchestrator has not acknowledged. Each is kept until its ack, across sessions, and is due again after 1 s,
  # doubling to 10 s, +-20 % (spec R-51, R-52). Holds and answers; the session sends.
  class Outbox
    FIRST_RESEND_MS = 1_000
    LONGEST_RESEND_MS = 10_000
    JITTER = 0.2
    NEVER = Float::INFINITY

    # `following`: told under the same lease once this one is acknowledged: the answer of a handler that had timed out.
    Entry = Struct.new(:outcome, :following, :delay_ms, :due_at)

    # @param random [#rand]
    def initialize(random)
      @random = random
      @entries = {}
      @earliest = NEVER
    end

    def size = @entries.size

    # No entry is due before this.
    def earliest = @entries.empty? ? NEVER : @earliest

    def key?(lease_id) = @entries.key?(lease_id)

    def lease_ids = @entries.keys

    # Keeps a result that is being sent now. A second one under the same lease (the answer after the news of its timeout)
    # waits until the first one's ack.
    # @return [Boolean] whether it is to be sent
    def put(outcome, now)
      lease_id = outcome.step.lease_id
      earlier = @entries[lease_id]
      if earlier
        earlier.following = outcome
        return false
      end
      entry = Entry.new(outcome, nil, FIRST_RESEND_MS, 0)
      schedule(entry, now)
      @entries[lease_id] = entry
      true
    end

    # @return [Outcome, nil] a result that waited behind the acknowledged one and is to be sent now
    def acknowledge(lease_id, now)
      following = @entries.delete(lease_id)&.following
      put(following, now) if following
      following
    end

    # The orchestrator knows of the timeout. Such an ack may come again when the answer has taken the timeout's place.
    # @return as `acknowledge` does
    def acknowledge_timeout(lease_id, now)
      acknowledge(lease_id, now) if @entries[lease_id]&.outcome&.error_code == "timeout"
    end

    # @return [Array<Outcome>] what has to be sent (again) now; it is due next after a longer time
    def take_due(now)
      return [] if now < @earliest

      @earliest = NEVER
      @entries.each_value.filter_map do |entry|
        if entry.due_at > now
          @earliest = entry.due_at if entry.due_at < @earliest
          next
        end
        entry.delay_ms = [entry.delay_ms * 2, LONGEST_RESEND_MS].min
        schedule(entry, now)
        entry.outcome
      end
    end

    # Everything is due, as if for the first time: after a welcome.
    def restart
      @entries.each_value do |entry|
        entry.delay_ms = FIRST_RESEND_MS / 2
        entry.due_at = 0
      end
      @earliest = 0
    end

    private

    def schedule(entry, now)
      entry.due_at = now + (entry.delay_ms * (1 + (JITTER * ((2 * @random.rand) - 1))))
      @earliest = entry.due_at if entry.due_at < @earliest
    end
  end
end
