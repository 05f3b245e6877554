# frozen_string_literal: true

require_relative "../codec/json_text"
require_relative "errors"

module TaskerWorker
  # How one attempt ended, as it goes over the wire. Whatever a handler returns or raises becomes an outcome here; nothing that it
  # does with the value (a cycle, 20 MB, bytes that are not text) reaches the worker.
  class Outcome
    MAX_MESSAGE_CHARS = 4_096
    MAX_FRAME_CHARS = 512
    # As many frames as the seed's handlers report.
    BACKTRACE_FRAMES = 5
    LEGAL_CODE = /\A[!-~]{1,64}\z/
    MOST_MS = (2**53) - 1

    # @return [Step] whose attempt this was
    attr_reader :step
    # @return [Symbol] `:completed` or `:failed`
    attr_reader :status
    # @return [String] JSON text; `null` when failed, or completed
    attr_reader :output, :error
    # @return [String, nil] `error.code`
    attr_reader :error_code
    # @return [Boolean, nil] false: no further attempt; nil: not said, so the step's policy decides
    attr_reader :retryable
    # @return [Numeric, nil]
    attr_reader :retry_after_ms
    # @return [Integer]
    attr_reader :execution_time_ms

    def initialize(step, status, output, error, error_code, retryable, retry_after_ms)
      @step = step
      @status = status
      @output = output
      @error = error
      @error_code = error_code
      @retryable = retryable
      @retry_after_ms = retry_after_ms
      @execution_time_ms = step.execution_time_ms
    end

    def failed? = @status == :failed

    class << self
      # Of a handler that returned `output`: completed, or failed when that has no JSON form or is too large.
      def returned(step, output)
        text = JsonText.generate(output)
        return new(step, :completed, text, "null", nil, nil, nil) if text.bytesize <= step.max_output_bytes

        failed(step, "output_too_large", "the output has #{text.bytesize} bytes; the orchestrator takes #{step.max_output_bytes}. " \
                                         "Store it elsewhere and return a reference")
      rescue JsonText::NotJson => e
        failed(step, "not_json", "the handler returned something that is not JSON: #{e.message}")
      rescue StandardError, SystemStackError => e
        failed(step, "not_json", "the handler returned something that cannot be written as JSON: #{e.class}: #{e.message}")
      end

      # Of a handler that raised `error`.
      def raised(step, error)
        details = { type: error.class.name, backtrace: (error.backtrace || []).first(BACKTRACE_FRAMES) }
        case error
        when RetryableError
          failed(step, own_code(error.code), message_of(error), details, true, milliseconds(error.retry_after))
        when PermanentError then failed(step, own_code(error.code), message_of(error), details, false)
        else failed(step, "handler_error", message_of(error), details, true)
        end
      end

      # Nobody knows whether the work was done: `on_lost` of the step decides.
      def timed_out(step)
        failed(step, "timeout", "the handler did not end within #{step.timeout_ms} ms")
      end

      # It was asked to stop, and did, or had not begun.
      def cancelled(step, reason)
        failed(step, "cancelled", reason, {}, false)
      end

      private

      def failed(step, code, message, details = {}, retryable = nil, retry_after_ms = nil)
        error = { message: shorten(message, MAX_MESSAGE_CHARS), code: code }
        details.each { |name, value| error[name] = value.is_a?(Array) ? value.map { |line| shorten(line, MAX_FRAME_CHARS) } : value }
        new(step, :failed, "null", JSON.generate(error), code, retryable, retry_after_ms)
      end

      def own_code(code)
        return "handler_error" unless code.is_a?(String) || code.is_a?(Symbol)

        text = code.to_s
        return "handler_error" unless text.ascii_only? && text.match?(LEGAL_CODE)

        text == "timeout" ? "handler_timeout" : text
      end

      def milliseconds(seconds)
        return nil if seconds.nil?

        ms = Float(seconds) * 1_000
        return nil unless ms.between?(0, MOST_MS)

        ms == ms.to_i ? ms.to_i : ms
      rescue ArgumentError, TypeError
        nil
      end

      def message_of(error)
        error.message.to_s
      rescue StandardError
        "the handler raised a #{error.class} that cannot be shown"
      end

      # Legal UTF-8, whatever the handler's text was.
      def shorten(text, max_chars)
        whole = text.encoding == Encoding::UTF_8 ? text.scrub : text.encode(Encoding::UTF_8, invalid: :replace, undef: :replace)
        whole.length <= max_chars ? whole : "#{whole[0, max_chars]}..."
      end
    end
  end
end
