# frozen_string_literal: true

require_relative "test_helper"
require_relative "support/scripted_orchestrator"
require "open3"

# What happens to a worker's process: signals, handlers that compute, exits.
class ProcessTest < Minitest::Test
  include TaskerWorker

  CHILD = File.expand_path("support/child_worker.rb", __dir__)
  LIBRARY = File.expand_path("../lib", __dir__)

  def setup
    @orchestrator = ScriptedOrchestrator.new
    @children = []
  end

  def teardown
    @children.each { |child| child.kill("KILL") }
    @orchestrator.close
  end

  # A process, what it writes to stderr, and how it ends.
  class Child
    attr_reader :said

    def initialize(env, *command)
      reader, writer = IO.pipe
      @pid = Process.spawn(env, *command, err: writer)
      writer.close
      @said = +""
      @listener = Thread.new { @said << reader.read }
    end

    def kill(signal)
      Process.kill(signal, @pid) if @status.nil?
    end

    # @return [Process::Status]
    def wait
      @status = Process.wait2(@pid).last
      @listener.join
      @status
    end
  end

  # @return [String] the session
  def start(env = {})
    @children << Child.new(@orchestrator.env.merge("TASKER_WORKER_ID" => "child", **env), RbConfig.ruby, "-I", LIBRARY, CHILD)
    @orchestrator.session
  end

  def child = @children.last

  def await_running(count = 1)
    @orchestrator.await("#{count} to run") { @orchestrator.all("heartbeat").find { |one| one["leases"].size == count } }
  end

  def test_heartbeats_acks_and_rejects_go_on_while_handlers_compute
    session = start
    leases = @orchestrator.send_batch(session, *Array.new(8) { { handler: "computes", context: { ms: 700 } } })
    beats = -> { @orchestrator.all("heartbeat").select { |one| (one["leases"] & leases).any? } }
    @orchestrator.await("heartbeats") { beats.call.size >= 3 }
    rejected = @orchestrator.send_batch(session, { handler: "nobody" })
    @orchestrator.await("a reject") { @orchestrator.all("reject").any? { |one| one["lease_ids"] == rejected } }
    @orchestrator.await("seq 2") { @orchestrator.all("heartbeat").any? { |one| one["last_seq"] == 2 } }
    assert_empty @orchestrator.all("results").flat_map { |one| one["results"] }.map { |one| one["metadata"]["lease_id"] } - leases
    @orchestrator.results(leases)
    assert_equal [session], @orchestrator.all("hello").map { |one| one["session"] }.uniq
  end

  def test_steps_that_compute_do_not_take_ever_more_threads
    session = start("TASKER_CONCURRENCY" => "100")
    leases = 4.times.flat_map { @orchestrator.send_batch(session, *Array.new(10) { { handler: "computes", context: { ms: 150 } } }) }
    @orchestrator.results(leases)
    assert_equal [session], @orchestrator.all("hello").map { |one| one["session"] }.uniq
  end

  def test_sigterm_lets_running_steps_end_then_the_process_exits_with_0
    leases = @orchestrator.send_batch(start, { handler: "waits", context: { ms: 400 } })
    await_running
    child.kill("TERM")
    assert_equal({ "waited" => 400 }, @orchestrator.results(leases).first["output"])
    assert_equal 0, child.wait.exitstatus
    @orchestrator.await("a bye") { @orchestrator.all("bye").size == 1 }
  end

  def test_a_second_sigterm_ends_it_at_once
    @orchestrator.send_batch(start, { handler: "never_ends" })
    await_running
    child.kill("TERM")
    @orchestrator.await("it to drain") { @orchestrator.all("heartbeat").any? { |one| one["capacity"].zero? } }
    child.kill("TERM")
    assert_equal 143, child.wait.exitstatus
  end

  def test_a_handler_that_exits_ends_it_with_its_own_code
    @orchestrator.send_batch(start, { handler: "exits" })
    assert_equal 7, child.wait.exitstatus
  end

  def test_a_handler_that_forks_does_not_disturb_the_sockets
    session = start
    assert_equal({ "status" => 3 }, @orchestrator.results(@orchestrator.send_batch(session, { handler: "forks" })).first["output"])
    assert_equal({ "n" => 1 }, @orchestrator.results(@orchestrator.send_batch(session, { context: { n: 1 } })).first["output"])
  end

  def test_a_refused_worker_ends_with_1_and_the_reason
    @orchestrator.welcomes = false
    @orchestrator.say(start, type: "refuse", reason: "duplicate_worker_id", detail: "child is connected as child-0")
    assert_equal 1, child.wait.exitstatus
    assert_includes child.said, "the orchestrator refused this worker: duplicate_worker_id: child is connected as child-0"
    assert_includes child.said, "give every worker its own TASKER_WORKER_ID"
  end

  def test_logs_are_json_lines_on_stderr
    start
    @orchestrator.await("a heartbeat") { @orchestrator.all("heartbeat").any? }
    child.kill("TERM")
    child.wait
    events = child.said.lines.map { |line| JSON.parse(line)["event"] }
    assert_equal "worker.started", events.first
    assert_equal "worker.stopped", events.last
    assert_includes events, "session.ready"
  end

  def test_a_worker_that_is_killed_and_started_again_takes_new_steps
    first = start
    child.kill("KILL")
    @orchestrator.await("the unsubscription") { !@orchestrator.subscribed?(first) }
    second = start
    refute_equal first, second
    assert_equal({ "n" => 1 }, @orchestrator.results(@orchestrator.send_batch(second, { context: { n: 1 } })).first["output"])
  end
end
