# frozen_string_literal: true

module TaskerWorker
  # What a worker takes from the program around it, where that is Rails: its logger, and its executor, which returns database
  # connections and, in development, reloads code. Rails is looked for and never required.
  module HostProgram
    module_function

    # @return [Object, nil]
    def logger
      ::Rails.logger if defined?(::Rails) && ::Rails.respond_to?(:logger)
    end

    # @return [#call, nil] runs the block that it is given as a unit of the program's work
    def around
      application = ::Rails.application if defined?(::Rails) && ::Rails.respond_to?(:application)
      return nil if application.nil?

      # The reloader runs within the executor, and loads changed code before the block.
      ->(&step) { application.reloader.wrap(&step) }
    end
  end
end
