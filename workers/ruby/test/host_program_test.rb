# frozen_string_literal: true

require_relative "test_helper"
require_relative "support/scripted_orchestrator"
require "logger"
require "stringio"

# Within Rails, which is played here by what a worker may ask of it.
class HostProgramTest < Minitest::Test
  include TaskerWorker

  # `Rails.application.reloader`: remembers which blocks it ran.
  class Reloader
    attr_reader :inside

    def initialize
      @inside = Thread::Queue.new
    end

    def wrap
      Thread.current[:within_reloader] = true
      yield
    ensure
      Thread.current[:within_reloader] = false
      @inside << Thread.current
    end
  end

  def setup
    @orchestrator = ScriptedOrchestrator.new
    @lines = StringIO.new
    @reloader = Reloader.new
    application = Struct.new(:reloader).new(@reloader)
    logger = Logger.new(@lines)
    rails = Module.new
    rails.define_singleton_method(:application) { application }
    rails.define_singleton_method(:logger) { logger }
    Object.const_set(:Rails, rails)
  end

  def teardown
    @worker&.stop
    Object.send(:remove_const, :Rails)
    @orchestrator.close
  end

  def test_steps_run_in_the_reloader_and_logs_go_to_the_logger_of_rails
    @worker = Worker.new(**@orchestrator.endpoints, worker_id: "w1")
    @worker.handle("asks") { |_step| { within: Thread.current[:within_reloader] } }
    @worker.handle("fails") { |_step| raise "no stock" }
    @worker.start
    leases = @orchestrator.send_batch(@orchestrator.session, { handler: "asks" }, { handler: "fails" })
    results = @orchestrator.results(leases)
    assert_equal({ "within" => true }, results.first["output"])
    assert_equal 2, @reloader.inside.size
    assert_match(/INFO -- : worker\.started \{.*"worker":"w1"/, @lines.string)
    assert_match(/WARN -- : step\.failed \{.*"message":"no stock"/, @lines.string)
  end

  def test_the_test_kit_runs_handlers_in_the_reloader_too
    assert Testing.run_handler { Thread.current[:within_reloader] }.output
  end
end
