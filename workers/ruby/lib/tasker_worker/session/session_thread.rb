# frozen_string_literal: true

require "securerandom"
require_relative "../handler/runner"
require_relative "session"
require_relative "sockets"

module TaskerWorker
  # The thread that owns the sockets: a session with each orchestrator, and the runner, whose handlers run in threads of their
  # own. So heartbeats, acks and resends go on while handlers wait or compute. Joins sessions to sockets, time and handlers.
  class SessionThread
    LONGEST_WAIT_MS = 60_000
    # How long steps may wait for a thread before they get another one.
    RELIEVE_MS = 2
    # A sleep that was this short shows that this thread gets its turns.
    PROMPT_MS = 50
    NEVER = Float::INFINITY

    # What the sessions use of chance.
    class Chance
      def rand = Kernel.rand

      def hex = SecureRandom.hex(4)
    end

    # @param settings [Options]
    # @param execution [Execution]
    # @param terms [Session::Terms]
    # @param ended [#call] with the error that ended it, nil when it has left as it was asked to
    def initialize(settings, terms, execution, ended:)
      @settings = settings
      @terms = terms
      @ended = ended
      @log = settings.log.with(worker: terms.worker_id)
      @inbox = Thread::Queue.new
      @asleep = false
      @wake_reader, @wake_writer = IO.pipe
      @runner = Runner.new(execution: execution, concurrency: terms.capacity, log: @log, deliver: method(:deliver))
      @stopping = false
      @drain_ends_at = NEVER
      @leaving = false
      @failure = nil
    end

    def start
      @context = Zmq::Context.new
      @poller = Zmq::Poller.new(@wake_reader)
      @thread = Thread.new { run }
      @thread.name = "tasker-session"
      @thread.report_on_exception = false
    end

    # Takes no more steps, lets running handlers end, waits for the acks of their results, and leaves.
    # @param why [String]
    def stop(why)
      tell(:stop, why)
    end

    private

    # From any thread. The pipe is written once for each sleep of the session's thread.
    def tell(kind, *values)
      @inbox.push([kind, *values])
      wake
    end

    def deliver(kind, step, value)
      @inbox.push([kind, step, value]) unless kind == :ended
      wake unless kind == :progress
    end

    def wake
      return unless @asleep

      @asleep = false
      @rang = true
      @wake_writer.write_nonblock(".", exception: false)
    end

    def run
      open_sessions
      until @open.zero?
        turn
        sleep_until_needed unless @open.zero?
      end
      close_down(@failure)
    rescue Exception => e # rubocop:disable Lint/RescueException
      close_down(e)
      raise if e.is_a?(SystemExit) || e.is_a?(NoMemoryError)
    end

    def open_sessions
      @sockets = @settings.orchestrators.map do |endpoints|
        Sockets.new(@context, endpoints, changed: -> { @rewatch = true })
      end
      @sessions = @sockets.each_with_index.map do |wire, origin|
        Session.new(@terms, wire: wire, events: self, clock: Step.method(:now), random: Chance.new, log: @log, origin: origin)
      end
      @open = @sessions.size
      @sessions.each(&:start)
    end

    # Everything that has come meanwhile, in one go.
    def turn
      @more = false
      take_inbox
      finish(@runner.collect)
      @sessions.each_with_index do |session, origin|
        @more = true if @sockets[origin].each_frame { |frame| session.receive(frame) }
      end
      finish(@runner.expire(Step.now))
      @sessions.each(&:tick)
      leave_in_time if @stopping
    end

    def take_inbox
      until @inbox.empty?
        kind, first, second = @inbox.pop(true)
        case kind
        when :progress then @sessions[first.origin].progress(first, second)
        when :checkpoint then @sessions[first.origin].checkpoint(first, *second)
        when :stop then begin_to_stop(first)
        end
      end
    end

    def finish(outcomes)
      unless outcomes.empty?
        if @sessions.size == 1
          @sessions.first.finish(outcomes)
        else
          outcomes.group_by { |outcome| outcome.step.origin }.each { |origin, own| @sessions[origin].finish(own) }
        end
      end
      @sessions.each { |session| session.overdue(@runner.overdue_count) }
    end

    def sleep_until_needed
      @poller.watch(@sockets.filter_map(&:subscriber)) if @rewatch
      @rewatch = false
      return if @more

      @asleep = true
      # Whoever came before this flag was set did not wake anybody.
      due = @inbox.empty? && @runner.quiet? ? wake_up_at : 0
      wait_until(due)
      @asleep = false
      hush if @rang
    end

    def hush
      @rang = false
      @wake_reader.read_nonblock(64, exception: false)
    end

    def wake_up_at
      due = [@sessions.map(&:wakes_at).min, @runner.wakes_at, @drain_ends_at].min
      @runner.starved? ? [due, Step.now + RELIEVE_MS].min : due
    end

    def wait_until(due)
      now = Step.now
      return if due <= now

      @poller.wait([(due - now).ceil, LONGEST_WAIT_MS].min)
      woken = Step.now
      if woken >= due
        @runner.delayed(woken - due)
        @runner.relieve if @runner.starved?
      elsif woken - now < PROMPT_MS
        # Woken early by a message, and its turn came at once.
        @runner.delayed(0)
      end
    end

    # ------------------------------------------------------------------------------------------------- sessions ask

    public

    # @api private: events of a session
    def run_steps(steps)
      @runner.accept(steps)
    end

    def cancel(lease_ids, reason)
      finish(@runner.cancel(lease_ids, reason))
    end

    def drain_requested(reason)
      begin_to_stop("the orchestrator asked it to: #{reason}")
    end

    def refused(reason, detail)
      @failure ||= WorkerRefused.new(reason, detail)
      @runner.drain
      @runner.abandon(@failure.message)
      @open = 0
    end

    def closed
      @open -= 1
    end

    private

    # ---------------------------------------------------------------------------------------------------- leaving

    def begin_to_stop(why)
      return if @stopping

      @stopping = true
      @log.info("worker.stopping", why: why, running: @runner.size)
      @sessions.each(&:drain)
      @runner.drain.group_by(&:origin).each { |origin, steps| @sessions[origin].give_back(steps) }
      @drain_ends_at = Step.now + @settings.drain_ms
    end

    def leave_in_time
      return if @leaving || (@runner.size.positive? && Step.now < @drain_ends_at)

      @leaving = true
      @drain_ends_at = NEVER
      @log.warn("worker.drain_ended", still_running: @runner.size) if @runner.size.positive?
      @runner.abandon("the worker leaves")
      @sessions.each { |session| session.leave(@settings.flush_ms) }
    end

    def close_down(error)
      @sockets.each { |wire| wire.close(0) if wire.subscriber }
      @context.terminate
      [@wake_reader, @wake_writer].each(&:close)
    ensure
      @ended.call(error)
    end
  end
end
