# frozen_string_literal: true

require_relative "test_helper"
require "fileutils"
require "net/http"
require "tmpdir"

# A worker with the real orchestrator, which is killed in the middle of the work.
class ServerTest < Minitest::Test
  include TaskerWorker

  ROOT = File.expand_path("../../..", __dir__)
  NODE = File.join(ROOT, "node_modules/.bin/node")
  TASKER = File.join(ROOT, "apps/cli/bin/tasker.js")
  TEMPLATE = <<~YAML
    namespace: ruby
    name: counting
    version: 1.0.0
    steps:
      - { name: first, handler: first }
      - { name: second, handler: second, depends_on: [first], retry: { limit: 2, backoff: none } }
      - { name: third, handler: third, depends_on: [second] }
  YAML

  # `tasker server` on a database of its own, on endpoints that stay the same over restarts.
  class Server
    attr_reader :endpoints

    def initialize(folder)
      @folder = folder
      @address = "127.0.0.1:0"
    end

    def start
      reader, writer = IO.pipe
      @pid = Process.spawn({ "NO_COLOR" => "1" }, NODE, TASKER, "server", "--json", "--database", "tasker.db", "--http", @address,
                           "--templates", @folder, out: writer, err: File::NULL, chdir: @folder)
      writer.close
      line = reader.gets or raise "the server ended before it was ready"
      Thread.new { nil while reader.gets }
      @endpoints = JSON.parse(line)
      @address = @endpoints["http"].delete_prefix("http://")
    end

    def kill
      return if @pid.nil?

      Process.kill("KILL", @pid)
      Process.wait(@pid)
      @pid = nil
    end

    def post(path, body)
      JSON.parse(Net::HTTP.post(URI(@endpoints["http"] + path), JSON.generate(body), "content-type" => "application/json").body)
    end

    def get(path) = JSON.parse(Net::HTTP.get(URI(@endpoints["http"] + path)))
  end

  def setup
    @folder = Dir.mktmpdir("tasker-ruby-")
    File.write(File.join(@folder, "counting.yaml"), TEMPLATE)
    @server = Server.new(@folder)
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
    @server.kill
    FileUtils.rm_rf(@folder)
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
