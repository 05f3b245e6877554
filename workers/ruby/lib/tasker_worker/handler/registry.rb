# frozen_string_literal: true

require_relative "class_form"

module TaskerWorker
  # Which code runs which step: handlers by name, as blocks, as objects or classes with `process`, or as names of such classes.
  class HandlerRegistry
    # Code that runs one attempt, and the version that is reported with its results.
    Registered = Struct.new(:code, :version) do
      def call(step) = code.call(step)
    end

    # What a name on the wire may look like (spec section 5, "name").
    LEGAL_NAME = /\A[^\u0000-\u0020\u007f]{1,255}\z/

    # @return [String, nil] reported with every result (seed: `handler_version`)
    def self.version_of(handler_class)
      version = handler_class::VERSION
      version if version.is_a?(String)
    rescue NameError
      nil
    end

    def initialize
      @handlers = {}
    end

    # @raise [ArgumentError] when the name or the handler is of no use, or the name is taken
    def add(name, handler)
      unless name.is_a?(String) && name.valid_encoding? && name.match?(LEGAL_NAME)
        raise ArgumentError, "handle(#{name.inspect}): a handler's name has 1 to 255 characters and no spaces; use the template's \"handler\""
      end
      raise ArgumentError, "handle(#{name.inspect}): there is such a handler already" if @handlers.key?(name)

      @handlers[name] = register(name, handler)
    end

    # @return [#call, nil] with `version`
    def [](name) = @handlers[name]

    def names = @handlers.keys

    private

    def register(name, handler)
      case handler
      when String then NamedClass.new(handler)
      when Class then of_object(name, handler.method_defined?(:process) ? handler.new : handler)
      else of_object(name, handler)
      end
    end

    def of_object(name, handler)
      return Registered.new(ClassForm.new(handler), version_of(handler.class)) if handler.respond_to?(:process)
      return Registered.new(handler, nil) if handler.respond_to?(:call)

      raise ArgumentError, "handle(#{name.inspect}): expected a block, something with call(step), a class or object with " \
                           "process(task, sequence, step), or the name of such a class"
    end

    def version_of(handler_class) = HandlerRegistry.version_of(handler_class)

    # A class that is looked up whenever it is needed, so that a program which reloads its code (Rails in development) runs the
    # newest. One instance for each attempt.
    class NamedClass
      def initialize(class_name)
        @class_name = class_name
      end

      def call(step) = ClassForm.new(handler_class.new).call(step)

      def version = HandlerRegistry.version_of(handler_class)

      private

      def handler_class = Object.const_get(@class_name)
    end
  end
end
