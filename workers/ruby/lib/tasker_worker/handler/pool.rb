# frozen_string_literal: true

require_relative "step"

module TaskerWorker
  # The threads that run handlers. Steps are taken in the order in which they came. Ruby runs one thread at a time, so another
  # thread is woken (or made) only where that helps: at once beside handlers that wait for something, and not beside those that
  # end within a moment. A burst of no-op steps costs one change of threads; steps that wait for the network all run at once.
  class Pool
    # A thread whose step took less runs the next one before another could.
    BRISK_MS = 0.2

    # @param size [Integer] threads at most, beside those whose steps are overdue
    # @param perform [#call] runs one step
    def initialize(size:, perform:)
      @perform = perform
      @size = size
      @lock = Mutex.new
      @waiting = []
      @idle = []
      @threads = 0
      @waking = false
      @brisk = false
      @throttled = false
      @closed = false
    end

    # @return [Boolean] whether steps wait, and there may be another thread for them
    def starved? = !@waiting.empty? && (!@idle.empty? || @threads < @size)

    def push(steps)
      @lock.synchronize do
        @waiting.concat(steps)
        wake unless @brisk && @idle.size < @threads
      end
    end

    # Steps have waited for a while: the thread that seemed brisk is not.
    def relieve
      @lock.synchronize { wake }
    end

    # @return [Boolean] whether it had not begun, and never will
    def remove(step)
      @lock.synchronize { !@waiting.delete(step).nil? }
    end

    # @return [Array<Step>] those that had not begun, and never will
    def clear
      @lock.synchronize do
        left = @waiting
        @waiting = []
        left
      end
    end

    # How many threads there may be now.
    def resize(size)
      @lock.synchronize do
        @size = size
        wake
      end
    end

    # While the program is so busy that other threads wait long for their turn, no further thread begins.
    def throttle(throttled)
      return if throttled == @throttled

      @lock.synchronize do
        @throttled = throttled
        wake
      end
    end

    # Threads end when their step has.
    def close
      @lock.synchronize do
        @closed = true
        @idle.each(&:signal)
      end
    end

    private

    # One at a time: whoever is woken takes a step, and wakes the next one if that helps.
    def wake
      return if @waiting.empty? || @waking

      if !@idle.empty?
        @waking = true
        @idle.pop.signal
      elsif @threads < @size && !(@throttled && @threads.positive?)
        @waking = true
        @threads += 1
        Thread.new { work }
      end
    end

    def work
      Thread.current.name = "tasker-handler"
      Thread.current.abort_on_exception = true
      turn = ConditionVariable.new
      @lock.synchronize { @waking = false }
      while (step = take(turn))
        begun = Step.now
        @perform.call(step)
        @brisk = Step.now - begun < BRISK_MS
      end
    ensure
      @lock.synchronize { @threads -= 1 }
    end

    def take(turn)
      @lock.synchronize do
        until @closed || @threads > @size
          step = @waiting.shift
          if step
            wake unless @brisk
            return step
          end
          # The one that was busy last is woken first.
          @idle.push(turn)
          turn.wait(@lock)
          @idle.delete(turn)
          @waking = false
        end
      end
    end
  end
end
