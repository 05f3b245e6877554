# frozen_string_literal: true

require_relative "fields"
require_relative "json_text"
require_relative "limits"

module TaskerWorker
  module Codec
    # A frame is `topic SP payload`, the payload one JSON object in UTF-8. This is where bytes become a value: size, UTF-8, nesting
    # and JSON are checked here, once, before anything else looks at a message.
    module Frame
      MAX_TOPIC_BYTES = 256

      module_function

      # @return [String, nil] the topic without its space; nil when there is none
      def topic_of(frame)
        stop = frame.byteslice(0, MAX_TOPIC_BYTES + 1).b.index(" ")
        frame.byteslice(0, stop) if stop&.positive?
      end

      # @param topic [String, nil] what the frame must be addressed to; nil takes any, for a worker that only receives its own
      # @return [Hash]
      # @raise [ProtocolError] `too_large`, `invalid_frame`, `invalid_utf8`, `too_deep`, `invalid_json` or `wrong_type`
      def read(frame, topic: nil, limits: DEFAULT_LIMITS)
        if frame.bytesize > limits.message_bytes
          raise ProtocolError.new("too_large", "", "at most #{limits.message_bytes} bytes", "#{frame.bytesize} bytes")
        end

        found = topic_of(frame)
        if found.nil? || (topic && found != topic)
          raise ProtocolError.new("invalid_frame", "", "#{topic || "a topic"}, a space and JSON", found ? "topic #{found.inspect}" : "no topic")
        end

        parse(frame.byteslice(found.bytesize + 1, frame.bytesize).force_encoding(Encoding::UTF_8), limits)
      end

      def parse(text, limits)
        raise ProtocolError.new("invalid_utf8", "", "UTF-8", "other bytes") unless text.valid_encoding?

        value = JsonText.parse(text, max_nesting: limits.depth)
        return value if value.is_a?(Hash)

        raise ProtocolError.new("wrong_type", "", "an object", Fields.describe(value))
      rescue JSON::NestingError
        raise ProtocolError.new("too_deep", "", "at most #{limits.depth} levels of objects and arrays", "more")
      rescue JSON::ParserError => e
        raise ProtocolError.new("invalid_json", "", "JSON", e.message[0, 200])
      end
      private_class_method :parse
    end
  end
end
