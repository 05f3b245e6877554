# frozen_string_literal: true

require_relative "test_helper"
require_relative "support/server"

# A worker with the real orchestrator, which is killed in the middle of the work.
class ServerTest < Minitest::Test
  include TaskerWorker

  TEMPLATE = <<~YAML
    namespace: ruby
    name: counting
    version: 1.0.0
    steps:
      - { name: first, handler: first }
      - { name: second, handler: second, depends_on: [first], retry: { limit: 2, backoff: none } }
      - { name: third, handler: third, depends_on: [second] }
  YAML

  def setup
    @server = Server.new(TEMPLATE)
    @server.start
    @runs = Thread::Queue.new
    @reached = Thread::Queue.new
    @go_on = Thread::Queue.new
    @worker = Worker.new(steps_endpoint: @server.endpoints["steps"], results_endpoint: @server.endpoints["results"], log_level: :silent)
    register_handlers
    @worker.start
  end

  def teardown
    @worker.stop
    @server.close
  end

  def register_handlers
    @worker.handle("first") { |step| record(step) && { number: step.context["number"] } }
    @worker.handle("second") do |step|
      record(step)
      @reached << true
      @go_on.pop
      { number: step.previous_results["first"]["number"] + 1 }
    end
    @worker.handle("third") { |step| record(step) && { number: step.previous_results["second"]["number"] * 2 } }
  end

  def record(step) = @runs << "#{step.task_id} #{step.step_name} #{step.attempt}"

  # Asks the server until every task is where it stays.
  def settled(ids)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + 60
    ids.map do |id|
      loop do
        task = @server.get("/v1/tasks/#{id}")
        break task unless task["status"] == "in_progress"
        raise "still in progress: #{task}" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline

        sleep(0.05)
      end
    end
  end

  def test_tasks_survive_the_orchestrators_death_and_every_step_runs_once
    big = 2**60
    ids = Array.new(5) { |n| @server.post("/v1/tasks", { namespace: "ruby", name: "counting", context: { number: big + n } })["id"] }
    5.times { @reached.pop }
    @server.kill
    2.times { @go_on << true }
    @server.start
    3.times { @go_on << true }
    tasks = settled(ids)
    assert_equal(["completed"], tasks.map { |task| task["status"] }.uniq)
    assert_equal((0..4).map { |n| (big + n + 1) * 2 }, tasks.map { |task| task["steps"].last["output"]["number"] })
    runs = Array.new(@runs.size) { @runs.pop }
    assert_equal 15, runs.size
    assert_equal ["1"], runs.map { |run| run[/\d+\z/] }.uniq
    assert_equal runs.uniq, runs
  end
end
