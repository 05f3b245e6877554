# frozen_string_literal: true

require_relative "test_helper"
require_relative "support/server"

# The seed's task handlers, with the real orchestrator and a worker that runs their steps.
class BaseTaskHandlerTest < Minitest::Test
  include TaskerWorker

  TEMPLATE = <<~YAML
    namespace: ruby
    name: greeting
    version: 1.0.0
    steps:
      - { name: greet, handler: "BaseTaskHandlerTest::GreetHandler" }
      - { name: shout, handler: "BaseTaskHandlerTest::ShoutHandler", depends_on: [greet], retryable: false }
  YAML

  class GreetHandler
    VERSION = "1.0.0"

    def process(task, _sequence, _step) = { text: "hello #{task.context[:name]}", id: task.context["id"] }
  end

  class ShoutHandler
    VERSION = "2.0.0"

    def process(task, sequence, _step)
      raise TaskerWorker::PermanentError.new("no voice", code: "hoarse") if task.context[:name] == "nobody"

      { text: sequence.previous_results[:greet][:text].upcase }
    end
  end

  class GreetingHandler < BaseTaskHandler
    namespace "ruby"
    template "greeting"
    step_handler "greet", GreetHandler
    step_handler "shout", ShoutHandler
  end

  def setup
    @server = Server.new(TEMPLATE)
    @server.start
    @client = OrchestratorClient.new(@server.endpoints["http"])
    @handler = GreetingHandler.new(client: @client)
    @worker = Worker.new(steps_endpoint: @server.endpoints["steps"], results_endpoint: @server.endpoints["results"], log_level: :silent)
    GreetingHandler.register_steps(@worker)
  end

  def teardown
    @worker.stop
    @server.close
  end

  def test_initialize_task_and_handle_command_the_orchestrator
    task_id = @handler.initialize_task(context: { name: "Zoë", id: 2**60 }, tags: ["a"])
    assert_equal "in_progress", @handler.handle(task_id, timeout: 0)["status"]
    @worker.start
    task = @handler.handle(task_id)
    assert_equal ["completed", ["a"]], task.values_at("status", "tags")
    outputs = task["steps"].to_h { |step| [step["name"], step["output"]] }
    assert_equal({ "greet" => { "text" => "hello Zoë", "id" => 2**60 }, "shout" => { "text" => "HELLO ZOË" } }, outputs)
  end

  def test_a_failed_task_ends_the_wait_too
    @worker.start
    task = @handler.handle(@handler.initialize_task("context" => { "name" => "nobody" }), timeout: 60)
    assert_equal %w[failed hoarse], [task["status"], task["steps"].last["error"]["code"]]
  end

  def test_the_registry_finds_the_handlers_of_a_tasks_steps
    registry = TaskHandlerRegistry.new(client: @client).register(GreetingHandler)
    handler = registry.get_task_handler_for_task(@handler.initialize_task(context: {}))
    assert_instance_of ShoutHandler, handler.get_step_handler_from_name("shout")
    assert_nil handler.get_step_handler_from_name("unknown")
  end

  def test_what_the_orchestrator_refuses_is_an_error_with_its_code
    error = assert_raises(OrchestratorError) { @handler.initialize_task(name: "unknown", context: {}) }
    assert_equal [404, "template_not_found"], [error.status, error.code]
    error = assert_raises(OrchestratorError) { OrchestratorClient.new("http://127.0.0.1:9").task("x") }
    assert_match(/cannot reach the orchestrator at .*TASKER_URL/, error.message)
  end
end
