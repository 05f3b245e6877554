# frozen_string_literal: true

require_relative "codec/json_text"
require_relative "handler/step"
require_relative "orchestrator_client"

module TaskerWorker
  # The seed's task handler: names a template and its steps' handlers, and gives the orchestrator its two commands over HTTP.
  #
  #   class ProcessOrderHandler < TaskerWorker::BaseTaskHandler
  #     namespace "fulfillment"
  #     template "process_order"
  #     step_handler "ship_order", ShipOrderHandler
  #   end
  class BaseTaskHandler
    # How often a task is looked at while it is waited for: at first, and at the latest.
    FIRST_LOOK_SECONDS = 0.02
    LONGEST_LOOK_SECONDS = 1.0

    class << self
      # Sets the template's namespace, or answers it.
      def namespace(value = nil) = value.nil? ? @namespace : @namespace = value

      # Sets the template's name, or answers it.
      def template(value = nil) = value.nil? ? @template : @template = value

      # Sets the template's version, or answers it; nil means the highest that there is.
      def version(value = nil) = value.nil? ? @version : @version = value

      # @param handler_class [Class] has `process(task, sequence, step)`
      def step_handler(step_name, handler_class)
        step_handlers[step_name.to_s] = handler_class
      end

      # @return [Hash{String => Class}] by the steps' names
      def step_handlers = @step_handlers ||= {}

      # Registers the handlers of all steps under their class names, as templates name them (`handler_class`).
      def register_steps(worker)
        step_handlers.each_value.uniq.each { |handler_class| worker.handle(handler_class.name, handler_class) }
      end
    end

    # @param client [OrchestratorClient]
    def initialize(client: OrchestratorClient.new)
      @client = client
      @step_handlers = self.class.step_handlers.transform_values(&:new)
    end

    # Submits a task of this handler's template.
    #
    # @param request [Hash, #to_h] a body of `POST /v1/tasks`: `context`, `idempotency_key`, `priority`, `tags`, ...; the
    #   template's names are filled in where it has none
    # @return [String] the id of the task, which is durable by now
    # @raise [OrchestratorError]
    def initialize_task(request = {})
      names = { namespace: self.class.namespace, name: self.class.template, version: self.class.version }.compact
      @client.submit(names.merge(request.to_h.transform_keys(&:to_sym)))["id"]
    end

    # Waits until the task is where it stays: completed, failed, cancelled, or waiting for a person (blocked, paused). The steps run in
    # workers; the orchestrator drives the task whether or not anybody waits here.
    #
    # @param timeout [Numeric, nil] seconds; 0 answers its state now, nil waits for as long as it takes
    # @return [Hash] the task with its steps
    # @raise [OrchestratorError]
    def handle(task_id, timeout: nil)
      deadline = timeout && (Step.now + (timeout * 1_000))
      pause = FIRST_LOOK_SECONDS
      loop do
        task = @client.task(task_id)
        left = deadline && ((deadline - Step.now) / 1_000)
        return task if task["status"] != "in_progress" || (left && left <= 0)

        sleep([pause, left].compact.min)
        pause = [pause * 2, LONGEST_LOOK_SECONDS].min
      end
    end

    # @return [#process, nil] the handler of a step, as the seed's workers ask for it
    def get_step_handler_from_name(step_name) = @step_handlers[step_name.to_s]
  end

  # Task handlers by the names of their templates, as the seed's workers ask for them.
  class TaskHandlerRegistry
    def initialize(client: OrchestratorClient.new)
      @client = client
      @handlers = {}
    end

    # @param handler_class [Class] derives from BaseTaskHandler
    # @return [self]
    def register(handler_class)
      @handlers[[handler_class.namespace, handler_class.template]] = handler_class.new(client: @client)
      self
    end

    # @return [BaseTaskHandler, nil]
    def get_task_handler(namespace, template) = @handlers[[namespace, template]]

    # @param task_id [String] the id of a task; the orchestrator says of which template it is
    # @return [BaseTaskHandler, nil]
    # @raise [OrchestratorError]
    def get_task_handler_for_task(task_id)
      task = @client.task(task_id)
      get_task_handler(task["namespace"], task["name"])
    end
  end
end
