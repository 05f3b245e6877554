# frozen_string_literal: true

require_relative "handler/registry"
require_relative "host_program"
require_relative "options"
require_relative "session/session_thread"

module TaskerWorker
  # The orchestrator will not have this worker as it is, e.g. because its id is taken. Trying again is of no use.
  class WorkerRefused < StandardError
    # @return [String] from the protocol: `duplicate_worker_id`, `protocol_version`, ...
    attr_reader :reason

    def initialize(reason, detail)
      hint = reason == "duplicate_worker_id" ? "; give every worker its own TASKER_WORKER_ID" : ""
      super("the orchestrator refused this worker: #{reason}: #{detail}#{hint}")
      @reason = reason
    end
  end

  # A worker: registers handlers, runs the steps that orchestrators send, and leaves gracefully. Handlers run in threads of
  # their own; sockets and sessions live in another one, which no handler can block.
  #
  #   worker = TaskerWorker::Worker.new
  #   worker.handle("ship_order") { |step| { tracking_number: ship(step.context["order_id"]) } }
  #   worker.run
  class Worker
    SIGNALS = { "TERM" => 15, "INT" => 2 }.freeze

    # Options win over `TASKER_*` variables; README.md lists them.
    # @raise [ArgumentError] when a setting is missing or wrong
    def initialize(**options)
      @settings = Options.new(options, default_logger: HostProgram.logger)
      @registry = HandlerRegistry.new
      @ends = Thread::Queue.new
      @started = false
    end

    # @return [String]
    def id = @settings.worker_id

    # Registers the code for steps whose template names this `handler`. Call it before the worker starts.
    #
    # @param handler [#call, #process, Class, String] takes the step and returns its output; or, in the seed's form, has
    #   `process(task, sequence, step)`: an object, a class (one instance is made now) or the name of a class (looked up, and
    #   an instance made, for every attempt). A class's `VERSION` is reported with every result. Or give a block.
    # @return [self]
    # @raise [ArgumentError] when it is none of these, or the name is taken
    def handle(name, handler = nil, &block)
      raise "handle(#{name.inspect}): the worker runs already" if @started

      @registry.add(name, handler || block)
      self
    end

    # Starts, and returns once the worker has stopped: after `stop`, SIGTERM, SIGINT, or when an operator drains it. A second
    # signal ends the process at once.
    # @raise [WorkerRefused] when an orchestrator refuses it
    def run
      before = SIGNALS.keys.to_h { |signal| [signal, trap(signal) { take_signal(signal) }] }
      start
      @session_thread.stop(@signalled) if @signalled
      wait
    ensure
      before&.each { |signal, handler| trap(signal, handler || "DEFAULT") }
    end

    # Starts and returns at once, for programs that do other things too. Start it after a fork, not before.
    # @return [self]
    def start
      raise "the worker runs already" if @started
      raise "the worker has no handlers: call handle first" if @registry.names.empty?

      @started = true
      log_start
      @session_thread = SessionThread.new(@settings, terms, execution, ended: ->(error) { @ends.push(error || :left) })
      @session_thread.start
      self
    end

    # Takes no more steps, lets running handlers end (`drain_ms`), waits until their results are acknowledged (`flush_ms`), and
    # leaves. Does nothing when the worker does not run.
    # @raise [WorkerRefused] as of `run`
    def stop
      return unless @started

      @session_thread.stop("stop was called")
      wait
    end

    private

    # Every caller learns the same end.
    def wait
      ended = @ends.pop
      @ends.push(ended)
      log.info("worker.stopped", error: (ended.message unless ended == :left)) unless @said_end
      @said_end = true
      raise ended unless ended == :left
    end

    def take_signal(signal)
      exit!(128 + SIGNALS.fetch(signal)) if @signalled
      @signalled = "SIG#{signal}"
      @session_thread&.stop(@signalled)
    end

    def terms
      Session::Terms.new(worker_id: @settings.worker_id, pool: @settings.pool, version: @settings.version, handlers: @registry.names,
                         capacity: @settings.concurrency, codecs: @settings.codecs)
    end

    def execution
      Execution.new(@registry, around: HostProgram.around, log_steps: @settings.log.debug?)
    end

    def log = @settings.log.with(worker: @settings.worker_id)

    def log_start
      log.info("worker.started", pool: @settings.pool, concurrency: @settings.concurrency, handlers: @registry.names,
                                 endpoints: @settings.orchestrators.flat_map(&:to_a))
    end
  end
end
