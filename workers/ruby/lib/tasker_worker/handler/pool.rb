# frozen_string_literal: true

module TaskerWorker
  # The threads that run handlers. Steps are taken in the order in which they came. Ruby runs one thread at a time, so a thread
  # that ends its step at once takes the next one, and another is woken (or made) only while steps wait: a burst of no-op
  # steps costs one change of threads, and steps that wait for the network all run at once.
  class Pool
    # @param size [Integer] threads at most, beside those whose steps are overdue
    # @param perform [#call] runs one step
    def initialize(size:, perform:)
      @perform = perform
      @size = size
      @lock = Mutex.new
      @work = ConditionVariable.new
      @waiting = []
      @threads = 0
      @idle = 0
      @waking = false
      @throttled = false
      @closed = false
    end

    # @return [Boolean] whether steps wait for a thread
    def backlog? = !@waiting.empty?

    def push(steps)
      @lock.synchronize do
        @waiting.concat(steps)
        wake
      end
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

    # How many may run now: overdue steps keep their threads, so that others get new ones.
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
        @work.broadcast
      end
    end

    private

    # One at a time: whoever is woken takes a step and wakes the next one.
    def wake
      return if @waiting.empty? || @waking

      if @idle.positive?
        @waking = true
        @work.signal
      elsif @threads < @size && !(@throttled && @threads.positive?)
        @waking = true
        @threads += 1
        Thread.new { work }
      end
    end

    def work
      Thread.current.name = "tasker-handler"
      Thread.current.abort_on_exception = true
      while (step = take)
        @perform.call(step)
      end
    ensure
      @lock.synchronize { @threads -= 1 }
    end

    def take
      @lock.synchronize do
        @waking = false
        until @closed || @threads > @size
          step = @waiting.shift
          if step
            wake
            return step
          end
          @idle += 1
          @work.wait(@lock)
          @idle -= 1
          @waking = false
        end
      end
    end
  end
end
