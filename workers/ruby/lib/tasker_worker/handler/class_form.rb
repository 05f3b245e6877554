# frozen_string_literal: true

require "delegate"

module TaskerWorker
  # The seed's form of a handler, `process(task, sequence, step)`, joined to an attempt. Its payloads answer to `["order_id"]`
  # and to `[:order_id]`, since existing handlers use either.
  class ClassForm
    # What a class handler sees of its task.
    Task = Struct.new(:task_id, :context)

    # An earlier step, as class handlers see it.
    PreviousStep = Struct.new(:name, :results)

    # What ran before, as class handlers see it.
    class Sequence
      # @return [Hash] outputs by step name
      attr_reader :previous_results

      def initialize(previous_results)
        @previous_results = previous_results
      end

      # @return [Object, nil] the output of one earlier step; nil when this step does not depend on it
      def result_of(step_name) = @previous_results[step_name.to_s]

      def steps = @previous_results.map { |name, results| PreviousStep.new(name, results) }

      def find_step_by_name(step_name)
        name = step_name.to_s
        PreviousStep.new(name, @previous_results[name]) if @previous_results.key?(name)
      end
    end

    # The attempt itself, with payloads that take symbols too.
    class ClassStep < SimpleDelegator
      def config = ClassForm.with_symbols(super)
      def context = ClassForm.with_symbols(super)
      def previous_results = ClassForm.with_symbols(super)
      def name = step_name
    end

    SYMBOLS_TOO = ->(hash, key) { key.is_a?(Symbol) ? hash[key.name] : nil }
    private_constant :SYMBOLS_TOO

    # @param handler [Object] has `process`
    def initialize(handler)
      @handler = handler
    end

    def call(step)
      class_step = ClassStep.new(step)
      @handler.process(Task.new(step.task_id, class_step.context), Sequence.new(class_step.previous_results), class_step)
    end

    def self.with_symbols(value)
      case value
      when Hash
        return value if value.frozen? || value.default_proc.equal?(SYMBOLS_TOO)

        value.default_proc = SYMBOLS_TOO
        value.each_value { |member| with_symbols(member) }
      when Array then value.each { |element| with_symbols(element) }
      end
      value
    end
  end
end
