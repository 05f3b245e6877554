# frozen_string_literal: true

require "json"
require "time"

module TaskerWorker
  # Structured logs: an event with a stable name such as `step.failed`, and fields for what varies. JSON lines on stderr,
  # unless the program brings a logger of its own.
  class Log
    LEVELS = %i[debug info warn error silent].freeze

    # @param sink [#call] takes level, event and fields
    # @param level [Symbol] passes on what is at least as grave
    # @param fields [Hash] added to every event
    def initialize(sink, level: :info, fields: {})
      @sink = sink
      @level = level
      @fields = fields
      @from = LEVELS.index(level)
    end

    # Anything with `info`, `warn`, ... is a logger (`Logger`, `Rails.logger`); nil means JSON lines on stderr.
    def self.to(logger, level: :info)
      new(logger.nil? ? JsonLines.new($stderr) : LoggerSink.new(logger), level: level)
    end

    def self.silent
      new(nil, level: :silent)
    end

    def with(**fields)
      Log.new(@sink, level: @level, fields: @fields.merge(fields))
    end

    def debug? = @from.zero?

    LEVELS.first(4).each_with_index do |level, grade|
      define_method(level) do |event, **fields|
        @sink.call(level, event, @fields.merge(fields)) if grade >= @from
        nil
      end
    end
  end

  # One JSON line for each event: `{"at", "level", "event", ...fields}`.
  class JsonLines
    def initialize(io)
      @io = io
    end

    def call(level, event, fields)
      line = JSON.generate({ at: Time.now.utc.iso8601(3), level: level, event: event, **fields })
    rescue JSON::JSONError, EncodingError
      line = JSON.generate({ at: Time.now.utc.iso8601(3), level: level, event: event.to_s, fields: fields.inspect.scrub })
    ensure
      @io.write("#{line}\n")
    end
  end

  # For loggers that take text: the event, and its fields as JSON behind it.
  class LoggerSink
    def initialize(logger)
      @logger = logger
    end

    def call(level, event, fields)
      @logger.public_send(level) { "#{event} #{JSON.generate(fields)}" }
    rescue JSON::JSONError, EncodingError
      @logger.public_send(level) { "#{event} #{fields.inspect.scrub}" }
    end
  end
end
