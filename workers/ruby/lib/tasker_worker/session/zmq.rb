# frozen_string_literal: true

require "ffi-rzmq-core"

module TaskerWorker
  # The few functions of libzmq that a worker needs. ffi-rzmq finds and loads the library, but lets other Ruby threads run during
  # each of its calls: a send is three of them, and beside handlers that compute each one waits its turn, 100 ms a handler.
  # Here only the call that waits (`poll`) lets go, so a heartbeat takes one turn.
  module Zmq
    extend FFI::Library
    ffi_lib "libzmq.so.5"

    EAGAIN = Errno::EAGAIN::Errno
    EINTR = Errno::EINTR::Errno
    POLLIN = 1
    SUB = ZMQ::SUB
    PUB = ZMQ::PUB

    attach_function :zmq_ctx_new, [], :pointer
    attach_function :zmq_ctx_term, [:pointer], :int, blocking: true
    attach_function :zmq_socket, %i[pointer int], :pointer
    attach_function :zmq_setsockopt, %i[pointer int pointer size_t], :int
    attach_function :zmq_connect, %i[pointer string], :int
    attach_function :zmq_close, [:pointer], :int
    attach_function :zmq_send, %i[pointer buffer_in size_t int], :int
    attach_function :zmq_msg_init, [:pointer], :int
    attach_function :zmq_msg_recv, %i[pointer pointer int], :int
    attach_function :zmq_msg_data, [:pointer], :pointer
    attach_function :zmq_msg_more, [:pointer], :int
    attach_function :zmq_msg_close, [:pointer], :int
    attach_function :zmq_errno, [], :int
    attach_function :zmq_strerror, [:int], :string
    attach_function :zmq_poll, %i[pointer int long], :int, blocking: true

    # A call failed for a reason that waiting does not cure.
    class Error < StandardError
      def initialize(call, errno)
        super("#{call}: #{Zmq.zmq_strerror(errno)}")
      end
    end

    # The background threads of libzmq. One for each worker, made where it is used: a fork does not inherit them.
    class Context
      attr_reader :pointer

      def initialize
        @pointer = Zmq.zmq_ctx_new
      end

      # Waits until the sockets, which must be closed, have sent what they may still send.
      def terminate
        Zmq.zmq_ctx_term(@pointer)
      end
    end

    # One socket. Used by one thread only.
    class Socket
      attr_reader :pointer

      def initialize(context, type)
        @pointer = Zmq.zmq_socket(context.pointer, type)
        raise Error.new("zmq_socket", Zmq.zmq_errno) if @pointer.null?

        @message = FFI::MemoryPointer.new(64)
        Zmq.zmq_msg_init(@message)
      end

      # @param value [Integer, String]
      def set(option, value)
        bytes = value.is_a?(Integer) ? [value].pack("l") : value
        check("zmq_setsockopt", Zmq.zmq_setsockopt(@pointer, option, FFI::MemoryPointer.from_string(bytes), bytes.bytesize))
      end

      def connect(endpoint)
        check("zmq_connect #{endpoint}", Zmq.zmq_connect(@pointer, endpoint))
      end

      # @return [Boolean] whether it was queued; never waits
      def send_frame(frame)
        Zmq.zmq_send(@pointer, frame, frame.bytesize, ZMQ::DONTWAIT) >= 0
      end

      # @return [String, nil] a message of one frame; nil when none waits, `""` for one of several frames
      def receive
        size = Zmq.zmq_msg_recv(@message, @pointer, ZMQ::DONTWAIT)
        return nil_or_raise if size.negative?

        several = false
        while Zmq.zmq_msg_more(@message) == 1
          several = true
          Zmq.zmq_msg_recv(@message, @pointer, ZMQ::DONTWAIT)
        end
        several || size.zero? ? "" : Zmq.zmq_msg_data(@message).get_bytes(0, size)
      end

      def close
        Zmq.zmq_msg_close(@message)
        Zmq.zmq_close(@pointer)
      end

      private

      def nil_or_raise
        errno = Zmq.zmq_errno
        raise Error.new("zmq_msg_recv", errno) unless [EAGAIN, EINTR].include?(errno)
      end

      def check(call, code)
        raise Error.new(call, Zmq.zmq_errno) if code.negative?
      end
    end

    # Waits for sockets and for one file descriptor.
    class Poller
      ITEM_BYTES = 16

      def initialize(file)
        @fd = file.fileno
        watch([])
      end

      # @param sockets [Array<Socket>]
      def watch(sockets)
        @size = sockets.size + 1
        @items = FFI::MemoryPointer.new(ITEM_BYTES, @size)
        sockets.each_with_index { |socket, index| put(index, socket.pointer, 0) }
        put(@size - 1, FFI::Pointer::NULL, @fd)
      end

      # @param timeout_ms [Integer] -1: for ever. Another thread may run meanwhile
      def wait(timeout_ms)
        Zmq.zmq_poll(@items, @size, timeout_ms)
      end

      private

      # zmq_pollitem_t: socket, fd, events, revents.
      def put(index, socket, file_descriptor)
        item = @items + (index * ITEM_BYTES)
        item.put_pointer(0, socket)
        item.put_int(8, file_descriptor)
        item.put_short(12, POLLIN)
        item.put_short(14, 0)
      end
    end
  end
end
