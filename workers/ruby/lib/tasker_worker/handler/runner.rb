# frozen_string_literal: true

require_relative "execution"
require_relative "pool"

module TaskerWorker
  # Runs attempts: at most `concurrency` at once, in the order in which they came. Knows nothing of sockets. However a handler
  # ends, or if it never does, its attempt gets an outcome and the others go on. Everything but the handlers themselves happens in
  # the one thread that calls it (the session's), so nothing here is locked.
  class Runner
    MAX_PROGRESS_BYTES = 64 * 1024
    NEVER = Float::INFINITY
    # Above this delay of the session's thread, so many handlers compute that another thread would only take turns from it.
    BUSY_MS = 400

    # @return [Log]
    attr_reader :log
    # @return [Integer] attempts that ran past their time and still have not ended
    attr_reader :overdue_count

    # @param deliver [#call] wakes the thread that calls `collect`; takes a kind (`:ended`, `:progress`, `:checkpoint`), called
    #   from the threads of handlers
    def initialize(execution:, concurrency:, log:, deliver:)
      @concurrency = concurrency
      @log = log
      @deliver = deliver
      @held = {}
      @overdue_count = 0
      @expires_at = NEVER
      @ended = Thread::Queue.new
      @pool = Pool.new(size: concurrency, perform: lambda do |step|
        execution.perform(step)
      ensure
        @ended.push(step)
        @deliver.call(:ended, step, nil)
      end)
    end

    # @return [Integer] attempts that have begun, or wait for a thread, and are not over
    def size = @held.size - @overdue_count

    # Monotonic time at which `expire` may have something to do.
    def wakes_at = @expires_at

    # Whether no attempt has ended since `collect`.
    def quiet? = @ended.empty?

    # Whether steps wait for a thread, and `relieve` could give them one.
    def starved? = @pool.starved?

    def relieve = @pool.relieve

    def accept(steps)
      now = Step.now
      steps.each do |step|
        step.host = self
        @held[step.lease_id] = step
        expires_at = now + step.timeout_ms
        @expires_at = expires_at if expires_at < @expires_at
      end
      @pool.push(steps)
    end

    # @return [Array<Outcome>] of the attempts that ended since, in that order
    def collect
      outcomes = []
      outcomes << @ended.pop(true) until @ended.empty?
      outcomes.map! { |step| conclude(step) }
      outcomes.compact!
      @expires_at = NEVER if @held.empty?
      outcomes
    end

    # Asks the handlers to stop; those that have not begun never do. Every one of them gets an outcome.
    # @return [Array<Outcome>] of those that had not begun
    def cancel(lease_ids, reason)
      lease_ids.filter_map do |lease_id|
        step = @held[lease_id]
        next if step.nil?

        step.cancel_wanted = true
        step.cancel(reason)
        next unless @pool.remove(step)

        @held.delete(lease_id)
        Outcome.cancelled(step, reason)
      end
    end

    # Time has passed. @return [Array<Outcome>] of the attempts whose time is over
    def expire(now)
      return [] if now < @expires_at

      @expires_at = NEVER
      outcomes = @held.each_value.filter_map do |step|
        next if step.overdue

        expires_at = (step.started_at || now) + step.timeout_ms
        next time_out(step) if expires_at <= now

        @expires_at = expires_at if expires_at < @expires_at
        nil
      end
      leave_room unless outcomes.empty?
      outcomes
    end

    # The session's thread waited so long for its turn.
    def delayed(delay_ms)
      @pool.throttle(delay_ms > BUSY_MS)
    end

    # Gives up what has not begun. @return [Array<Step>]
    def drain
      @pool.clear.each { |step| @held.delete(step.lease_id) }
    end

    # Asks whatever still runs to stop, and waits for nothing any more.
    def abandon(reason)
      @held.each_value { |step| step.cancel(reason) }
      @pool.close
    end

    # Called by handlers. Progress is for people: what cannot be sent is logged, and does not fail the step.
    def progressed(step, progress)
      text = JsonText.generate(progress)
      return @deliver.call(:progress, step, text) if text.bytesize <= MAX_PROGRESS_BYTES

      step.log.warn("step.progress_ignored", why: "it is larger than 64 KiB")
    rescue JsonText::NotJson => e
      step.log.warn("step.progress_ignored", why: "it is not JSON: #{e.message}")
    end

    # Called by handlers. @raise [CheckpointRefused, JsonText::NotJson]
    def checkpointed(step, seq, cursor)
      text = JsonText.generate(cursor)
      raise CheckpointRefused, "too_large" if text.bytesize > step.max_checkpoint_bytes

      @deliver.call(:checkpoint, step, [seq, text])
    end

    private

    def conclude(step)
      @held.delete(step.lease_id)
      return step.outcome || stopped(step) unless step.overdue

      @overdue_count -= 1
      leave_room
      step.log.warn("step.ended_late", after_ms: step.execution_time_ms, answered: !step.outcome.nil?)
      step.outcome
    end

    def stopped(step)
      Outcome.cancelled(step, step.cancel_reason) if step.cancel_wanted
    end

    def time_out(step)
      step.overdue = true
      @overdue_count += 1
      outcome = Outcome.timed_out(step)
      step.cancel("the step ran longer than #{step.timeout_ms} ms")
      outcome
    end

    # An overdue handler keeps its slot, but all of them together leave one: else one that never ends ends the worker.
    def leave_room
      @pool.resize([@concurrency - @overdue_count, 1].max + @overdue_count)
    end
  end
end
