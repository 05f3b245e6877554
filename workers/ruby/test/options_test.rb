# frozen_string_literal: true

require_relative "test_helper"
require "logger"
require "stringio"

class OptionsTest < Minitest::Test
  include TaskerWorker

  ENVIRONMENT = { "TASKER_STEPS_ENDPOINT" => "ipc:///a,tcp://127.0.0.1:1", "TASKER_RESULTS_ENDPOINT" => "ipc:///b, tcp://127.0.0.1:2" }.freeze

  def read(options = {}, env = ENVIRONMENT) = Options.new(options, env: env)

  def test_the_environment_fills_what_the_program_leaves_open
    settings = read({},
                    ENVIRONMENT.merge("TASKER_WORKER_ID" => "w1", "TASKER_POOL" => "gpu", "TASKER_CONCURRENCY" => "7", "TASKER_CODEC" => "msgpack"))
    assert_equal %w[msgpack json], settings.codecs
    assert_equal [["ipc:///a", "ipc:///b"], ["tcp://127.0.0.1:1", "tcp://127.0.0.1:2"]], settings.orchestrators.map(&:to_a)
    assert_equal ["w1", "gpu", 7, 30_000, 5_000], [settings.worker_id, settings.pool, settings.concurrency, settings.drain_ms, settings.flush_ms]
  end

  def test_options_win_over_the_environment
    settings = read({ worker_id: "mine", concurrency: 3, steps_endpoint: ["ipc:///x"], results_endpoint: "ipc:///y" },
                    ENVIRONMENT.merge("TASKER_WORKER_ID" => "w1", "TASKER_CONCURRENCY" => "7"))
    assert_equal ["mine", 3, [["ipc:///x", "ipc:///y"]]], [settings.worker_id, settings.concurrency, settings.orchestrators.map(&:to_a)]
  end

  def test_ids_that_are_made_up_are_legal_and_differ
    first, second = Array.new(2) { read.worker_id }
    assert_match Options::LEGAL_NAME, first
    refute_equal first, second
  end

  def test_wrong_settings_are_refused_by_name
    {
      {} => /TASKER_STEPS_ENDPOINT is not set/,
      { steps_endpoint: "ipc:///a", results_endpoint: "ipc:///a,ipc:///b" } => /names 1 orchestrators and TASKER_RESULTS_ENDPOINT 2/,
      { steps_endpoint: "http://x", results_endpoint: "ipc:///a" } => %r{expected ipc://PATH or tcp://HOST:PORT, got "http://x"},
      { steps_endpoint: "ipc:///a", results_endpoint: "ipc:///b", concurrency: 0 } => /TASKER_CONCURRENCY: expected an integer from 1 to 5000/,
      { steps_endpoint: "ipc:///a", results_endpoint: "ipc:///b", worker_id: "a b" } => /TASKER_WORKER_ID: expected/,
      { steps_endpoint: "ipc:///a", results_endpoint: "ipc:///b", log_level: "loud" } => /TASKER_LOG_LEVEL: expected one of/,
      { steps_endpoint: "ipc:///a", results_endpoint: "ipc:///b", drain_ms: -1 } => /drain_ms: expected/,
      { steps_endpoint: "ipc:///a", results_endpoint: "ipc:///b", codec: "xml" } => /TASKER_CODEC: expected json or msgpack/,
      { endpoint: "ipc:///a" } => /unknown options endpoint/
    }.each { |options, message| assert_match message, assert_raises(ArgumentError) { read(options, {}) }.message }
  end

  def test_logs_are_json_lines_by_default
    io = StringIO.new
    Log.new(JsonLines.new(io)).with(worker: "w1").warn("step.failed", code: "x", bytes: "\xff")
    line = JSON.parse(io.string)
    assert_equal %w[warn step.failed], line.values_at("level", "event")
    Log.new(JsonLines.new(io)).debug("not.shown")
    assert_equal 1, io.string.lines.size
  end

  def test_any_logger_takes_the_logs
    io = StringIO.new
    Log.to(Logger.new(io), level: :info).with(worker: "w1").info("worker.started", concurrency: 3)
    assert_includes io.string, 'worker.started {"worker":"w1","concurrency":3}'
  end
end
