# frozen_string_literal: true

require_relative "zmq"

module TaskerWorker
  # A SUB and a PUB for each session. Everything that decides is in `session.rb`.
  #
  # Neither ZMTP heartbeats nor a largest message size are set: on a SUB the first aborts the process and the second silences the
  # connection for ever (libzmq #3937, #4196).
  class Sockets
    # Frames that may wait for a slow connection; what is beyond is dropped, and sent again by the outbox.
    SEND_HIGH_WATER_MARK = 10_000
    RECONNECT_MS = 100
    # Frames taken before timers and finished handlers get their turn.
    BURST = 256

    # @return [Zmq::Socket, nil]
    attr_reader :subscriber

    # @param endpoints [Endpoints]
    # @param changed [#call] there are other sockets to wait for
    def initialize(context, endpoints, changed:)
      @context = context
      @endpoints = endpoints
      @changed = changed
      @subscriber = @publisher = nil
    end

    # New sockets, subscribed to this session's topic; the ones before are closed at once.
    def open(session)
      close(0)
      @publisher = Zmq::Socket.new(@context, Zmq::PUB)
      @publisher.set(ZMQ::SNDHWM, SEND_HIGH_WATER_MARK)
      @subscriber = Zmq::Socket.new(@context, Zmq::SUB)
      [@publisher, @subscriber].each do |socket|
        socket.set(ZMQ::LINGER, 0)
        socket.set(ZMQ::RECONNECT_IVL, RECONNECT_MS)
      end
      # Results first: by the time a batch comes, it can be answered.
      @publisher.connect(@endpoints.results)
      @subscriber.connect(@endpoints.steps)
      @subscriber.set(ZMQ::SUBSCRIBE, "@#{session} ")
      @changed.call
    end

    # What cannot be queued is lost: results are sent again until they are acknowledged, the rest is said again anyway.
    def send_frame(frame)
      @publisher&.send_frame(frame)
    end

    # @yield [String] each frame that waits, a burst at most
    # @return [Boolean] whether there may be more
    def each_frame
      BURST.times do
        frame = @subscriber&.receive
        return false if frame.nil?

        yield frame
      end
      true
    end

    # @param linger_ms [Integer] how long what was sent may still take to leave this process
    def close(linger_ms)
      @publisher&.set(ZMQ::LINGER, linger_ms)
      @publisher&.close
      @subscriber&.close
      @subscriber = @publisher = nil
      @changed.call
    end
  end
end
