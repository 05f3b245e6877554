# frozen_string_literal: true

require_relative "fields"
require_relative "json_text"
require_relative "limits"
require_relative "message_pack"

module TaskerWorker
  module Codec
    # A frame is `topic SP payload`, the payload one JSON object in UTF-8 or one MessagePack map. This is where bytes become a value: size,
    # UTF-8, nesting and form are checked here, once, before anything else looks at a message.
    module Frame
      MAX_TOPIC_BYTES = 256
      # Said before both sides agree on a codec, and so always JSON (spec R-86).
      NEGOTIATION = %w[hello welcome rehello refuse].freeze

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

        start = found.bytesize + 1
        return read_map(frame.b, start, limits) if MessagePack.map?(frame.getbyte(start))

        parse(frame.byteslice(start, frame.bytesize).force_encoding(Encoding::UTF_8), limits)
      end

      # Whether the payloads of a frame are text that holds JSON (spec R-89).
      def message_pack?(frame) = MessagePack.map?(frame.getbyte((topic_of(frame)&.bytesize || -1) + 1))

      # One payload of a MessagePack message. @param levels [Integer] objects and arrays around it, the message itself included
      def open_payload(from, name, levels, limits, path = "")
        text = from[name]
        return if text.nil?
        raise ProtocolError.new("wrong_type", path + name, "a string that holds JSON", Fields.describe(text)) unless text.is_a?(String)

        from[name] = JsonText.parse(text, max_nesting: limits.depth - levels)
      rescue JSON::NestingError
        raise ProtocolError.new("too_deep", path + name, "at most #{limits.depth - levels} levels of objects and arrays", "more")
      rescue JSON::ParserError => e
        raise ProtocolError.new("invalid_json", path + name, "JSON", e.message[0, 200])
      end

      def read_map(bytes, start, limits)
        value = MessagePack.unpack(bytes, start, limits)
        if value["protocol_version"] != "2.0"
          code = value["protocol_version"].nil? ? "missing" : "unsupported_version"
          raise ProtocolError.new(code, "protocol_version", "\"2.0\", which MessagePack came with", Fields.describe(value["protocol_version"]))
        end
        return value unless NEGOTIATION.include?(value["type"])

        raise ProtocolError.new("invalid_value", "type", "a message that may be MessagePack", Fields.describe(value["type"]))
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
      private_class_method :read_map, :parse
    end
  end
end
