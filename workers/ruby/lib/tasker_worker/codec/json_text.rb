# frozen_string_literal: true

require "json"

module TaskerWorker
  # JSON text in and out of Ruby values, by the C extension. Integers are exact, whatever their size. What the extension cannot
  # do (lone surrogates, which JSON may escape) is done here, on a path of its own that hardly any text takes.
  module JsonText
    # Objects and arrays inside each other: the whole message may have 512, and a payload is three deep in it.
    MAX_PAYLOAD_DEPTH = 509

    # The value has no JSON form.
    class NotJson < StandardError; end

    SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/
    # Escapes in the order of the text, so that a backslash which is itself escaped begins nothing.
    ESCAPES = /\\(?:u(?<high>[dD][89abAB]\h\h)(?<low>\\u[dD][c-fC-F]\h\h)?|u(?<alone>[dD][c-fC-F]\h\h)|.)/m
    SURROGATE_BYTES = /\xED[\xA0-\xBF][\x80-\xBF]/n

    module_function

    # @raise [JSON::ParserError, JSON::NestingError]
    def parse(text, max_nesting: MAX_PAYLOAD_DEPTH)
      text = keep_lone_surrogates(text) if text.include?("\\u") && text.match?(SURROGATE_ESCAPE)
      JSON::Parser.new(text, max_nesting: max_nesting).parse
    end

    # @return [String] JSON text in UTF-8
    # @raise [NotJson]
    def generate(value)
      case value
      when nil then "null"
      when Integer then value.to_s
      else generate_value(value)
      end
    end

    # A member or element as text: ids are nearly always plain ASCII, and the test is cheaper than the generator.
    def quote(text)
      text.match?(/\A[ !#-\[\]-~]*\z/) ? "\"#{text}\"" : JSON.generate(text)
    end

    # The extension joins `\ud800A` into one wrong character, so lone surrogates go through it as bytes (WTF-8).
    def keep_lone_surrogates(text)
      text.gsub(ESCAPES) do |escape|
        match = Regexp.last_match
        next escape if match[:low]

        lone = match[:high] || match[:alone]
        lone ? surrogate_bytes(lone.hex) : escape
      end
    end

    def surrogate_bytes(unit)
      [0xE0 | (unit >> 12), 0x80 | ((unit >> 6) & 0x3F), 0x80 | (unit & 0x3F)].pack("C*").force_encoding(Encoding::UTF_8)
    end

    def generate_value(value)
      check_leaves(value, 0)
      JSON.generate(value, max_nesting: MAX_PAYLOAD_DEPTH)
    rescue JSON::GeneratorError, EncodingError
      generate_with_surrogates(value)
    rescue JSON::NestingError => e
      raise NotJson, "#{e.message} (does it contain itself?)"
    end

    # The extension writes any object as its `to_s`; of an object without a form of its own that is `#<Object:0x...>`.
    def check_leaves(value, depth)
      raise NotJson, "nesting of #{depth} is too deep (does it contain itself?)" if depth > MAX_PAYLOAD_DEPTH

      case value
      when String, Integer, Float, nil, true, false, Symbol then nil
      when Hash then value.each_value { |member| check_leaves(member, depth + 1) }
      when Array then value.each { |element| check_leaves(element, depth + 1) }
      else check_object(value)
      end
    end

    def check_object(object)
      return if !object.to_s.start_with?("#<") || own_form?(object)

      raise NotJson, "a #{object.class} has no JSON form; return a hash"
    end

    def own_form?(object)
      owner = object.method(:to_json).owner
      ![JSON::Ext::Generator::GeneratorMethods::Object, Object].include?(owner) && owner.to_s != "ActiveSupport::ToJsonWithActiveSupportEncoder"
    end

    def generate_with_surrogates(value)
      case value
      when Hash then "{#{value.map { |name, member| "#{string(name.to_s)}:#{generate_with_surrogates(member)}" }.join(",")}}"
      when Array then "[#{value.map { |element| generate_with_surrogates(element) }.join(",")}]"
      when String then string(value)
      else JSON.generate(value)
      end
    rescue JSON::GeneratorError, EncodingError => e
      raise NotJson, e.message
    end

    def string(text)
      return JSON.generate(text) unless text.encoding == Encoding::UTF_8 && !text.valid_encoding?

      parts = text.b.split(/(#{SURROGATE_BYTES})/n).map do |part|
        next JSON.generate(part.dup.force_encoding(Encoding::UTF_8))[1..-2] unless part.match?(/\A#{SURROGATE_BYTES}\z/n)

        first, second, third = part.bytes
        format("\\u%04x", ((first & 0x0F) << 12) | ((second & 0x3F) << 6) | (third & 0x3F))
      end
      "\"#{parts.join}\""
    end

    private_class_method :keep_lone_surrogates, :surrogate_bytes, :generate_value, :check_leaves, :check_object, :own_form?,
                         :generate_with_surrogates, :string
  end
end
