# frozen_string_literal: true

require "fileutils"
require "tmpdir"
require_relative "orchestrator_decoder"

module TaskerWorker
  # An orchestrator that does only what a test tells it to, over real sockets. It welcomes who says hello and acknowledges results
  # and checkpoints unless it is told otherwise, and remembers everything that it hears.
  class ScriptedOrchestrator
    # The calls that only an orchestrator needs.
    module Binding
      extend FFI::Library
      ffi_lib "libzmq.so.5"
      attach_function :zmq_bind, %i[pointer string], :int
    end

    attr_reader :folder, :heard
    attr_accessor :welcomes, :acknowledges, :refuses_checkpoints, :limits, :epoch, :codec

    def initialize
      @folder = Dir.mktmpdir("tasker-worker-")
      @board = Noticeboard.new
      @heard = []
      @subscribed = {}
      @seqs = Hash.new(0)
      @batches = @steps = 0
      @welcomes = @acknowledges = true
      @refuses_checkpoints = nil
      @codec = "json"
      @limits = Items::LIMITS
      @epoch = "e1"
      @outgoing = Thread::Queue.new
      bind
    end

    def endpoints = { steps_endpoint: "ipc://#{@folder}/steps", results_endpoint: "ipc://#{@folder}/results" }

    def env = { "TASKER_STEPS_ENDPOINT" => endpoints[:steps_endpoint], "TASKER_RESULTS_ENDPOINT" => endpoints[:results_endpoint] }

    # (Again) at the same endpoints.
    def bind
      @context = Zmq::Context.new
      @publisher = Zmq::Socket.new(@context, ZMQ::XPUB)
      @subscriber = Zmq::Socket.new(@context, ZMQ::SUB)
      [@publisher, @subscriber].each { |socket| socket.set(ZMQ::LINGER, 0) }
      ["results ", "worker "].each { |topic| @subscriber.set(ZMQ::SUBSCRIBE, topic) }
      bind_to(@subscriber, endpoints[:results_endpoint])
      bind_to(@publisher, endpoints[:steps_endpoint])
      @wake_reader, @wake_writer = IO.pipe
      @bound = true
      @thread = Thread.new { run }
    end

    # As if killed: the endpoints are gone, nobody is told.
    def unbind
      return unless @bound

      @bound = false
      @wake_writer.write(".")
      @thread.join
      @board.change { @subscribed.clear }
    end

    def close
      unbind
      FileUtils.rm_rf(@folder)
    end

    # ------------------------------------------------------------------------------------------------------- saying

    def say(session, **message)
      whole = { protocol_version: "2.0", orchestrator_id: "o1", epoch: @epoch, **message }
      send_frame("@#{session} #{JSON.generate(whole)}")
    end

    def send_frame(frame)
      @outgoing << frame
      @wake_writer.write(".")
    end

    # @param items [Array<Hash>] options of Items.item
    # @yield [String] the frame, to be changed
    # @return [Array<String>] the leases
    def send_batch(session, *items, seq: nil)
      batch_id = "batch_#{@epoch}_#{@batches += 1}"
      steps = items.map do |options|
        step_id = @steps += 1
        Items.item(lease_id: "#{batch_id}.#{step_id}", step_id: step_id, handler: "echo", **options)
      end
      @last_frame = "@#{session} #{JSON.generate({ batch_id: batch_id, protocol_version: "2.0", type: "batch",
                                                   seq: seq || (@seqs[session] += 1), steps: steps })}"
      @last_frame = yield @last_frame if block_given?
      send_frame(@last_frame)
      steps.map { |step| step["metadata"]["lease_id"] }
    end

    # The last batch once more.
    def send_again = send_frame(@last_frame)

    # ------------------------------------------------------------------------------------------------------ hearing

    def await(what, within: 15, &block)
      @board.await("#{what}; heard #{@heard.last(3).inspect[0, 600]}", within: within, &block)
    end

    # Everything of one kind that was heard since `from`.
    def all(type, from: 0) = @heard.drop(from).select { |message| message["type"] == type }

    def subscribed?(session) = @subscribed.key?(session)

    # @return [String] the session of a worker that has said hello, and is subscribed
    def session
      await("a hello") { all("hello").reverse.find { |hello| subscribed?(hello["session"]) } }["session"]
    end

    # @return [Array<Hash>] the first result of each lease, in this order
    def results(leases, from: 0)
      await("results of #{leases.join(", ")}") do
        items = all("results", from: from).flat_map { |message| message["results"] }
        found = leases.map { |lease| items.find { |item| item.dig("metadata", "lease_id") == lease } }
        found if found.all?
      end
    end

    private

    def bind_to(socket, endpoint)
      raise "cannot bind #{endpoint}" if Binding.zmq_bind(socket.pointer, endpoint).negative?
    end

    def run
      poller = Zmq::Poller.new(@wake_reader)
      poller.watch([@publisher, @subscriber])
      while @bound
        poller.wait(-1)
        @wake_reader.read_nonblock(4_096, exception: false)
        @publisher.send_frame(@outgoing.pop) until @outgoing.empty?
        take_notices
        take_frames
      end
      [@publisher, @subscriber].each(&:close)
      @context.terminate
    end

    def take_notices
      while (notice = @publisher.receive)
        session = notice.byteslice(1, notice.bytesize).delete_prefix("@").strip
        notice.getbyte(0) == 1 ? @board.change { @subscribed[session] = true } : @board.change { @subscribed.delete(session) }
        say(session, type: "rehello", reason: "unknown_session") if notice.getbyte(0) == 1
      end
    end

    def take_frames
      while (frame = @subscriber.receive)
        message = OrchestratorDecoder.decode(frame)
        message["message_pack"] = Codec::Frame.message_pack?(frame)
        answer(message)
        @board.change { @heard << message }
      end
    end

    def answer(message)
      case message["type"]
      when "hello" then welcome(message["session"]) if @welcomes
      when "results" then acknowledge(message) if @acknowledges
      when "heartbeat" then settle(message) unless message["checkpoints"].empty?
      end
    end

    def welcome(session)
      say(session, type: "welcome", version: "2.0", codec: @codec, heartbeat_ms: 100, limits: @limits)
    end

    def acknowledge(message)
      leases = message["results"].group_by { |one| one.dig("error", "code") == "timeout" }
                                 .transform_values { |some| some.map { |one| one["metadata"]["lease_id"] } }
      say(message["session"], type: "result_ack", lease_ids: leases.fetch(false, []), timeout_ids: leases.fetch(true, []))
    end

    def settle(message)
      answers = message["checkpoints"].map { |one| { lease_id: one["lease_id"], seq: one["seq"], refused: @refuses_checkpoints }.compact }
      say(message["session"], type: "checkpoint_ack", checkpoints: answers)
    end
  end
end
