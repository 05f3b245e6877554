# frozen_string_literal: true

require_relative "../codec/codec"
require_relative "../handler/step"
require_relative "../version"
require_relative "checkpoints"
require_relative "holdings"
require_relative "outbox"
require_relative "recent_batches"

module TaskerWorker
  # A worker's side of the protocol with one orchestrator (spec section 6.1), without sockets, timers, threads or a clock of its own:
  # frames, outcomes and ticks come in; frames, steps to run and calls of `events` go out.
  #
  #   connecting -> hello (backing off) -> ready -> draining -> closed;  4 s of silence: lost, which is connecting again
  #
  # Promises: a lease runs at most once here, and every result is kept until the orchestrator has acknowledged it.
  class Session
    SILENCE_MS = 4_000
    # PUB drops what is published before it is connected, so the first hello waits a moment.
    FIRST_HELLO_MS = 10
    HELLO_AGAIN_MS = 250
    LONGEST_HELLO_MS = 5_000
    JITTER = 0.2
    LINGER_AFTER_BYE_MS = 2_000
    # A tick may be this late; beyond that, the process was stopped, and that is nobody's silence.
    LATE_TICK_MS = 500
    # Room for ids and metadata of one result, and for the head of the message.
    ENVELOPE_BYTES = 1_024
    NEVER = Float::INFINITY
    LIMITS_BEFORE_WELCOME = { "max_message_bytes" => DEFAULT_LIMITS.message_bytes, "max_output_bytes" => 4 * 1024 * 1024,
                              "max_checkpoint_bytes" => DEFAULT_LIMITS.checkpoint_bytes }.freeze

    # What a worker says about itself in its hello; `capacity` is the number of steps that it runs at once.
    Terms = Struct.new(:worker_id, :pool, :version, :handlers, :capacity, :codecs, keyword_init: true)

    # @return [String] the session's name on the wire; another one after every loss
    attr_reader :name

    # @param wire [#open, #send_frame, #close] one pair of sockets. Never raises, never waits; what cannot be sent is lost, and the
    #   protocol makes up for it
    # @param events [#run_steps, #cancel, #drain_requested, #refused, #closed]
    # @param clock [#call] milliseconds that never jump
    # @param random [#rand, #hex] `hex` gives 8 hexadecimal digits
    # @param origin [Integer] marks its steps among those of several orchestrators
    def initialize(terms, wire:, events:, clock:, random:, log:, origin: 0)
      @terms = terms
      @handlers = terms.handlers.to_h { |handler| [handler, true] }
      @wire = wire
      @events = events
      @clock = clock
      @random = random
      @log = log
      @origin = origin
      @holdings = Holdings.new
      @recent_batches = RecentBatches.new
      @outbox = Outbox.new(random)
      @checkpoints = Checkpoints.new
      @progress = {}
      @connection = :closed
      @encoder = Codec::JsonEncoder
      @name = @epoch = ""
      @limits = LIMITS_BEFORE_WELCOME
      @last_seq = @heard_at = @hello_at = @heartbeat_at = 0
      @hello_delay_ms = HELLO_AGAIN_MS
      @heartbeat_ms = 1_000
      @draining = false
      @leave_at = nil
      @overdue = 0
    end

    # @return [Symbol] `:connecting`, `:hello`, `:ready`, `:draining` or `:closed`
    def state = @connection != :closed && @draining ? :draining : @connection

    # Results that are not acknowledged.
    def outbox_size = @outbox.size

    # Monotonic time of the next tick that has something to do; Infinity when closed.
    def wakes_at
      return NEVER if @connection == :closed

      soonest = @heard_at + SILENCE_MS
      soonest = @leave_at if @leave_at && @leave_at < soonest
      return [soonest, @hello_at].min unless @connection == :ready

      [soonest, @heartbeat_at, @outbox.earliest].min
    end

    # ---------------------------------------------------------------------------------------------- what others ask

    def start
      connect
    end

    # Time has passed. May be called at any time; call it at `wakes_at`, which any other call may have moved.
    def tick
      return if @connection == :closed

      now = @clock.call
      forgive_pause(now)
      return if leave_if_done(now)

      lose if now - @heard_at >= SILENCE_MS
      if @connection == :ready
        send_heartbeat if now >= @heartbeat_at
        send_outcomes(@outbox.take_due(now))
      elsif now >= @hello_at
        send_hello
      end
    end

    # Handlers ended. Outcomes of leases that it does not hold are ignored.
    def finish(outcomes)
      now = @clock.call
      fresh = outcomes.select { |outcome| keep(outcome, now) }
      send_outcomes(fresh) if @connection == :ready
    end

    # These were never begun, and never will be.
    def give_back(steps)
      reject(steps.map(&:lease_id).select { |lease_id| @holdings.release(lease_id) }, "draining")
    end

    # The latest progress of a lease travels with the next heartbeat.
    # @param text [String] JSON
    def progress(step, text)
      @progress[step.lease_id] = text if @holdings.key?(step.lease_id)
    end

    # A cursor is sent at once, and repeated until it is confirmed or refused.
    # @param text [String] JSON
    def checkpoint(step, seq, text)
      return step.checkpoint_settled(seq, "stale_lease") unless @holdings.key?(step.lease_id)

      send_heartbeat if @checkpoints.put(step, seq, text) && @connection == :ready
    end

    # So many handlers have run past their timeouts and still fill their slots.
    def overdue(count)
      return if @overdue == count

      @overdue = count
      send_heartbeat if @connection == :ready
    end

    # Takes no more steps.
    def drain
      return if @draining || @connection == :closed

      @draining = true
      send_heartbeat if @connection == :ready
    end

    # Says bye and closes as soon as every result is acknowledged, after `flush_ms` at the latest.
    def leave(flush_ms)
      return if @connection == :closed

      drain
      @leave_at = @clock.call + flush_ms
      leave_if_done(@clock.call)
    end

    # -------------------------------------------------------------------------------------------------- what is heard

    # A frame arrived. Never raises: what cannot be read is logged.
    # @param frame [String]
    def receive(frame)
      return if @connection == :closed

      @heard_at = @clock.call
      message = Codec.decode(frame)
      message.key?("steps") ? take_batch(message) : take_control(message)
    rescue ProtocolError => e
      warn("message.refused", code: e.code, error: e.message) unless e.code == "unknown_type"
    end

    private

    def take_control(message)
      case message["type"]
      when "welcome" then return welcomed(message)
      when "rehello" then return say_hello_again(message["reason"])
      when "refuse" then return refused(message["reason"], message["detail"])
      when "result_ack" then acknowledged(message["lease_ids"], message["timeout_ids"])
      when "checkpoint_ack" then checkpoints_settled(message["checkpoints"])
      when "cancel" then @events.cancel(message["lease_ids"], message["reason"])
      when "drain" then @events.drain_requested(message["reason"])
      end
      say_hello_again("other_epoch") if @connection == :ready && message["epoch"] != @epoch
    end

    def take_batch(batch)
      seq = batch["seq"]
      return warn("message.refused", error: "a batch of protocol 1.0") if seq.nil?

      @last_seq = seq if seq > @last_seq
      return unless @recent_batches.add(seq)

      accepted = []
      rejected = {}
      batch["steps"].each do |item|
        lease_id = item["metadata"]["lease_id"]
        next if @outbox.key?(lease_id) || @holdings.key?(lease_id)

        reason = reason_to_reject(item)
        reason ? (rejected[reason] ||= []) << lease_id : accepted << hold(item, batch["batch_id"])
      end
      @events.run_steps(accepted) unless accepted.empty?
      rejected.each { |reason, lease_ids| reject(lease_ids, reason) }
      reject_malformed(batch) unless batch["refused"].empty?
    end

    def reason_to_reject(item)
      return "draining" if @draining

      "unknown_handler" unless @handlers.key?(item["handler_class"])
    end

    def hold(item, batch_id)
      step = Step.new(item, origin: @origin, batch_id: batch_id, limits: @limits)
      @holdings.add(step)
      step
    end

    def reject_malformed(batch)
      lease_ids = batch["refused"].filter_map do |refused|
        warn("step.refused", batch: batch["batch_id"], code: refused.error.code, error: refused.error.message)
        refused.error.ids[:lease_id]
      end
      reject(lease_ids, "malformed")
    end

    def reject(lease_ids, reason)
      return if lease_ids.empty?

      @log.info("steps.rejected", session: @name, reason: reason, leases: lease_ids)
      @wire.send_frame(@encoder.message("reject", @name, lease_ids: lease_ids, reason: reason))
    end

    def acknowledged(lease_ids, timeout_ids)
      now = @clock.call
      following = lease_ids.filter_map { |lease_id| @outbox.acknowledge(lease_id, now) }
      timeout_ids.each do |lease_id|
        outcome = @outbox.acknowledge_timeout(lease_id, now)
        following << outcome if outcome
      end
      send_outcomes(following) if @connection == :ready
      leave_if_done(now)
    end

    def checkpoints_settled(answers)
      waiting = answers.count { |answer| @checkpoints.settle(answer["lease_id"], answer["seq"], answer["refused"]) }
      send_heartbeat if waiting.positive? && @connection == :ready
    end

    # --------------------------------------------------------------------------------------------- coming and going

    def connect
      now = @clock.call
      @name = "#{@terms.worker_id}-#{@random.hex}"
      @connection = :connecting
      @encoder = Codec::JsonEncoder
      @last_seq = 0
      @recent_batches = RecentBatches.new
      @heard_at = now
      @hello_delay_ms = HELLO_AGAIN_MS
      @hello_at = now + FIRST_HELLO_MS
      @log.debug("session.connecting", session: @name)
      @wire.open(@name)
    end

    # Handlers run on, leases and outbox are kept; only the connection is made anew.
    def lose
      warn("session.lost", was: @connection, silent_ms: SILENCE_MS, holding: @holdings.size, outbox: @outbox.size)
      connect
    end

    def send_hello
      @connection = :hello
      @hello_at = @clock.call + (@hello_delay_ms * (1 + (JITTER * ((2 * @random.rand) - 1))))
      @hello_delay_ms = [@hello_delay_ms * 2, LONGEST_HELLO_MS].min
      @wire.send_frame(Codec::JsonEncoder.message("hello", @name, **about_itself, capacity: capacity, leases: @holdings.lease_ids,
                                                                                  outbox: @outbox.lease_ids))
    end

    def about_itself
      { worker_id: @terms.worker_id, protocols: ["2.0"], codecs: @terms.codecs, language: "ruby", sdk: "ruby/#{VERSION}",
        version: @terms.version, pool: @terms.pool, handlers: @terms.handlers }
    end

    def say_hello_again(reason)
      @log.debug("session.hello_again", session: @name, reason: reason)
      @hello_delay_ms = HELLO_AGAIN_MS
      send_hello
    end

    def welcomed(message)
      return refused("protocol_version", "the orchestrator chose #{message["version"]}") unless message["version"] == "2.0"
      return refused("codec", "the orchestrator chose #{message["codec"]}") unless @terms.codecs.include?(message["codec"])

      news = @connection != :ready || message["epoch"] != @epoch
      @epoch = message["epoch"]
      @limits = message["limits"]
      @heartbeat_ms = message["heartbeat_ms"]
      @encoder = Codec.encoder(message["codec"])
      @connection = :ready
      @heartbeat_at = @clock.call + @heartbeat_ms
      @log.public_send(news ? :info : :debug, "session.ready", session: @name, orchestrator: message["orchestrator_id"], epoch: @epoch,
                                                               holding: @holdings.size, outbox: @outbox.size)
      send_heartbeat if @checkpoints.any?
      @outbox.restart
      send_outcomes(@outbox.take_due(@clock.call))
    end

    def refused(reason, detail)
      @log.error("session.refused", session: @name, reason: reason, detail: detail)
      close(0)
      @events.refused(reason, detail)
    end

    def leave_if_done(now)
      return false if @leave_at.nil? || (@outbox.size.positive? && now < @leave_at)

      warn("results.unacknowledged", leases: @outbox.lease_ids) if @outbox.size.positive?
      @wire.send_frame(@encoder.message("bye", @name, last_seq: @last_seq)) if %i[ready hello].include?(@connection)
      close(LINGER_AFTER_BYE_MS)
      @events.closed
      true
    end

    def close(linger_ms)
      @connection = :closed
      @wire.close(linger_ms)
      @log.info("session.closed", session: @name)
    end

    # Time during which this process did not run is nobody's silence: what waits in the sockets is heard first.
    def forgive_pause(now)
      late_ms = now - wakes_at
      @heard_at += [late_ms, [0, now - @heard_at].max].min if late_ms > LATE_TICK_MS
    end

    # ----------------------------------------------------------------------------------------------------- sending

    # A handler that does not end after its timeout fills its slot, but all such handlers together leave one (spec R-48).
    def capacity = @draining ? 0 : [1, @terms.capacity - @overdue].max

    def send_heartbeat
      @heartbeat_at = @clock.call + @heartbeat_ms
      leases = (@holdings.lease_ids + @outbox.lease_ids).first(DEFAULT_LIMITS.leases)
      @wire.send_frame(@encoder.heartbeat(@name, epoch: @epoch, last_seq: @last_seq, leases: leases, capacity: capacity,
                                                 progress: @progress, checkpoints: @checkpoints.to_send))
      @progress = {}
    end

    # @return [Boolean] whether the outcome is to be sent now
    def keep(outcome, now)
      lease_id = outcome.step.lease_id
      return false unless @holdings.end(lease_id, outcome.error_code == "timeout")

      @progress.delete(lease_id) unless @progress.empty?
      settle_cursor(lease_id) if @checkpoints.any?
      @outbox.put(outcome, now)
    end

    # A cursor that waits behind another goes out before the result.
    def settle_cursor(lease_id)
      send_heartbeat if @checkpoints.unsent?(lease_id) && @connection == :ready
      @checkpoints.forget(lease_id)
    end

    # Results of one batch share a message, results of several do not (spec section 5.5).
    def send_outcomes(outcomes)
      return if outcomes.empty?

      outcomes.group_by { |outcome| outcome.step.batch_id }.each do |batch_id, own|
        split_by_size(own).each { |part| @wire.send_frame(@encoder.results(batch_id, @name, part)) }
      end
    end

    # Cuts a batch's results into messages that the orchestrator takes; nearly always there is one.
    def split_by_size(outcomes)
      max = @limits["max_message_bytes"]
      parts = []
      bytes = 0
      outcomes.each do |outcome|
        size = outcome.output.bytesize + outcome.error.bytesize + ENVELOPE_BYTES
        if parts.empty? || bytes + size > max || parts.last.size >= DEFAULT_LIMITS.results_per_message
          parts << []
          bytes = ENVELOPE_BYTES
        end
        parts.last << outcome
        bytes += size
      end
      parts
    end

    def warn(event, **fields)
      @log.warn(event, session: @name, **fields)
    end
  end
end
