# frozen_string_literal: true

require_relative "protocol_error"

module TaskerWorker
  module Codec
    # Checks of single members. Each takes the object that has the member, its name and the path before it, answers the value with
    # its type, and raises a ProtocolError that names the place and what was expected. An optional member that is null
    # counts as absent.
    module Fields
      MAX_INTEGER = (2**53) - 1
      MAX_TEXT_CHARS = 1_024

      # What a name must look like, with the words for it.
      Rule = Struct.new(:pattern, :max_chars, :words)

      WORKER_ID = Rule.new(/\A[A-Za-z0-9][A-Za-z0-9._:-]*\z/, 128,
                           "a name of 1 to 128 letters, digits and ._:- that begins with a letter or digit")
      SESSION = Rule.new(/\A[A-Za-z0-9][A-Za-z0-9._:-]*-[0-9a-f]{8}\z/, 137, "the worker id, \"-\" and 8 hexadecimal digits")
      NAME = Rule.new(/\A[^\u0000-\u0020\u007f]+\z/, 255,
                      "a name of 1 to 255 characters without spaces, control characters or lone surrogates")
      ID = Rule.new(/\A[!-~]+\z/, 255, "an id of 1 to 255 visible ASCII characters")
      CODE = Rule.new(/\A[!-~]+\z/, 64, "a name of 1 to 64 visible ASCII characters")

      module_function

      def object(from, name, path = "")
        value = from[name]
        value.is_a?(Hash) ? value : raise(wrong_type(from, name, path, "an object"))
      end

      def list(from, name, max, path = "")
        value = from[name]
        raise wrong_type(from, name, path, "an array") unless value.is_a?(Array)
        raise ProtocolError.new("too_many", path + name, "at most #{max} elements", value.size.to_s) if value.size > max

        value
      end

      # Numbers with an integral value are integers, however they are written (spec R-76).
      def integer(from, name, min, max = MAX_INTEGER, path: "")
        value = from[name]
        return value if value.is_a?(Integer) && value >= min && value <= max

        words = "an integer from #{min} to #{max}"
        raise wrong_type(from, name, path, words) unless value.is_a?(Numeric)

        return value.to_i if value.is_a?(Float) && value.finite? && value == value.to_i && value.to_i.between?(min, max)

        raise ProtocolError.new("invalid_value", path + name, words, value.to_s)
      end

      # A duration; fractions are welcome.
      def milliseconds(from, name, path = "")
        value = from[name]
        words = "milliseconds from 0 to #{MAX_INTEGER}"
        raise wrong_type(from, name, path, words) unless value.is_a?(Numeric)
        raise ProtocolError.new("invalid_value", path + name, words, value.to_s) unless value >= 0 && value <= MAX_INTEGER

        value
      end

      def boolean(from, name, path = "")
        value = from[name]
        [true, false].include?(value) ? value : raise(wrong_type(from, name, path, "true or false"))
      end

      def name(from, name, rule, path = "")
        value = from[name]
        raise wrong_type(from, name, path, rule.words) unless value.is_a?(String)
        raise ProtocolError.new("invalid_value", path + name, rule.words, describe(value)) unless fits?(value, rule)

        value
      end

      def names(from, name, rule, max, path = "")
        values = list(from, name, max, path)
        values.each_with_index do |value, index|
          next if value.is_a?(String) && fits?(value, rule)

          code = value.is_a?(String) ? "invalid_value" : "wrong_type"
          raise ProtocolError.new(code, "#{path}#{name}[#{index}]", rule.words, describe(value))
        end
      end

      def text(from, name, max_chars = MAX_TEXT_CHARS, path = "")
        value = from[name]
        words = "a string of at most #{max_chars} characters"
        raise wrong_type(from, name, path, words) unless value.is_a?(String)
        raise ProtocolError.new("invalid_value", path + name, words, "more") if units(value) > max_chars

        value
      end

      def one_of(from, name, values, path = "")
        value = from[name]
        return value if values.include?(value)

        words = values.size == 1 ? "\"#{values.first}\"" : "one of \"#{values.join('", "')}\""
        raise wrong_type(from, name, path, words) unless value.is_a?(String)

        raise ProtocolError.new("invalid_value", path + name, words, describe(value))
      end

      def version(from, known)
        value = from["protocol_version"]
        return value if known.include?(value)

        code = from.key?("protocol_version") ? "unsupported_version" : "missing"
        raise ProtocolError.new(code, "protocol_version", "\"#{known.join('" or "')}\"", describe(value))
      end

      def absent?(from, name) = from[name].nil?

      def id?(value) = value.is_a?(String) && fits?(value, ID)

      # A value in a few words, for error messages.
      def describe(value)
        case value
        when nil then "nothing"
        when Array then "an array"
        when Hash then "an object"
        when String then value.length <= 60 ? value.inspect : "#{value[0, 60].inspect}... (#{value.length} characters)"
        else value.to_s
        end
      end

      def fits?(value, rule)
        (value.bytesize <= rule.max_chars || units(value) <= rule.max_chars) && value.valid_encoding? && value.match?(rule.pattern)
      end

      # Length in UTF-16 units, as the specification counts.
      def units(value)
        return value.bytesize if value.ascii_only?

        value.each_char.sum { |char| char.valid_encoding? && char.ord > 0xFFFF ? 2 : 1 }
      end

      def wrong_type(from, name, path, words)
        value = from[name]
        present = from.key?(name)
        ProtocolError.new(present ? "wrong_type" : "missing", path + name, words, present ? describe(value) : "nothing")
      end

      private_class_method :units, :wrong_type
    end
  end
end
