# frozen_string_literal: true

require_relative "fields"
require_relative "json_text"

module TaskerWorker
  module Codec
    # MessagePack, as far as messages need it (spec section 21): maps with text as keys, arrays, text, numbers, booleans, nil. The reader
    # is strict and bounded. Written by hand because the gem takes binary, keys that are no text and text that is not UTF-8, and
    # allocates what a header claims before it is there.
    module MessagePack
      module_function

      # Whether a payload with this first byte is a MessagePack map. No JSON text begins with such a byte.
      def map?(byte) = !byte.nil? && (byte >> 4 == 0x8 || byte == 0xde || byte == 0xdf)

      # @param start [Integer] where in the bytes the map begins
      # @raise [ProtocolError] `invalid_msgpack`, `invalid_utf8`, `too_deep` or `too_many`: whatever comes first
      def unpack(bytes, start, limits)
        reader = Reader.new(bytes, start, limits)
        value = reader.value
        reader.finish
        value
      end

      # @param message [Hash] text, numbers, booleans, nil, and arrays and hashes of these
      # @return [String] bytes
      def pack(message)
        bytes = String.new(encoding: Encoding::BINARY, capacity: 512)
        write(bytes, message)
        bytes
      end

      def write(bytes, value)
        case value
        when String, Symbol then write_text(bytes, value.to_s)
        when Integer then write_integer(bytes, value)
        when Float then bytes << [0xcb, value].pack("CG")
        when nil then bytes << 0xc0
        when true then bytes << 0xc3
        when false then bytes << 0xc2
        when Array then write_list(bytes, value)
        else write_map(bytes, value)
        end
      end

      def write_text(bytes, text)
        size = text.bytesize
        bytes << if size < 32 then [0xa0 | size].pack("C")
                 elsif size < 0x100 then [0xd9, size].pack("CC")
                 elsif size < 0x1_0000 then [0xda, size].pack("Cn")
                 else
                   [0xdb, size].pack("CN")
                 end
        bytes << text.b
      end

      def write_integer(bytes, value)
        bytes << if value.negative? then [0xd3, value].pack("Cq>")
                 elsif value < 0x80 then [value].pack("C")
                 elsif value < 0x1_0000_0000 then [0xce, value].pack("CN")
                 else
                   [0xcf, value].pack("CQ>")
                 end
      end

      def write_list(bytes, list)
        bytes << (list.size < 16 ? [0x90 | list.size].pack("C") : [0xdd, list.size].pack("CN"))
        list.each { |element| write(bytes, element) }
      end

      def write_map(bytes, map)
        bytes << (map.size < 16 ? [0x80 | map.size].pack("C") : [0xde, map.size].pack("Cn"))
        map.each do |name, value|
          write_text(bytes, name.to_s)
          write(bytes, value)
        end
      end
      private_class_method :write, :write_text, :write_integer, :write_list, :write_map

      # Reads one value.
      class Reader
        def initialize(bytes, start, limits)
          @bytes = bytes
          @at = start
          @limits = limits
          @depth = 0
          @values = 0
        end

        def value
          @values += 1
          raise ProtocolError.new("too_many", "", "at most #{@limits.packed_values} values", "more") if @values > @limits.packed_values

          byte = unsigned(1)
          if byte < 0x80 then byte
          elsif byte < 0x90 then map(byte & 0x0f)
          elsif byte < 0xa0 then array(byte & 0x0f)
          elsif byte < 0xc0 then text(byte & 0x1f)
          elsif byte >= 0xe0 then byte - 0x100
          else
            long_form(byte)
          end
        end

        def finish
          surplus = @bytes.bytesize - @at
          invalid("the end of the message", "#{surplus} more bytes") if surplus.positive?
        end

        private

        def long_form(byte)
          case byte
          when 0xc0 then nil
          when 0xc2 then false
          when 0xc3 then true
          when 0xca then take(4).unpack1("g")
          when 0xcb then take(8).unpack1("G")
          when 0xcc..0xcf then unsigned(1 << (byte - 0xcc))
          when 0xd0..0xd3 then signed(1 << (byte - 0xd0))
          when 0xd9..0xdb then text(unsigned(1 << (byte - 0xd9)))
          when 0xdc, 0xdd then array(unsigned(byte == 0xdc ? 2 : 4))
          when 0xde, 0xdf then map(unsigned(byte == 0xde ? 2 : 4))
          else invalid("nil, a boolean, a number, text, an array or a map", "the type byte 0x#{byte.to_s(16)}")
          end
        end

        def map(size)
          enter(size * 2)
          result = {}
          size.times do
            name = key
            result[name] = value
          end
          @depth -= 1
          result
        end

        def key
          byte = unsigned(1)
          return text(byte & 0x1f) if byte >> 5 == 0x5
          return text(unsigned(1 << (byte - 0xd9))) if byte.between?(0xd9, 0xdb)

          invalid("text as the key of a map", "the type byte 0x#{byte.to_s(16)}")
        end

        def array(size)
          enter(size)
          result = Array.new(size) { value }
          @depth -= 1
          result
        end

        # Each value takes a byte at least.
        def enter(values)
          invalid("#{values} values", "the end of the message") if values > @bytes.bytesize - @at
          @depth += 1
          raise ProtocolError.new("too_deep", "", "at most #{@limits.depth} levels of maps and arrays", "more") if @depth > @limits.depth
        end

        def text(size)
          text = take(size).force_encoding(Encoding::UTF_8)
          raise ProtocolError.new("invalid_utf8", "", "UTF-8", "other bytes") unless text.valid_encoding?

          text
        end

        def unsigned(size)
          case size
          when 1
            @at += 1
            @bytes.getbyte(@at - 1) || invalid("1 byte", "0")
          when 2 then take(2).unpack1("n")
          when 4 then take(4).unpack1("N")
          else take(8).unpack1("Q>")
          end
        end

        def signed(size) = take(size).unpack1({ 1 => "c", 2 => "s>", 4 => "l>", 8 => "q>" }.fetch(size))

        def take(size)
          left = @bytes.bytesize - @at
          invalid("#{size} bytes", left.to_s) if size > left
          @at += size
          @bytes.byteslice(@at - size, size)
        end

        def invalid(expected, got)
          raise ProtocolError.new("invalid_msgpack", "", expected, got)
        end
      end
      private_constant :Reader
    end
  end
end
