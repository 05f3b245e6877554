# frozen_string_literal: true

module TaskerWorker
  # The orchestrator's side of the codec, for tests: reads what workers send, with the checks of the specification.
  module OrchestratorDecoder
    Fields = Codec::Fields
    TYPES = %w[hello heartbeat reject bye].freeze

    module_function

    # @return [Hash] the message; results have `refused`, a heartbeat `refused_checkpoints`
    # @raise [ProtocolError]
    def decode(frame, limits: DEFAULT_LIMITS)
      topic = Codec::Frame.topic_of(frame) == "worker" ? "worker" : "results"
      value = Codec::Frame.read(frame, topic: topic, limits: limits)
      @packed = Codec::Frame.message_pack?(frame)
      topic == "worker" ? read_worker(value, limits) : read_results(value, limits)
    end

    def read_worker(value, limits)
      type = Fields.text(value, "type")
      Fields.version(value, ["2.0"])
      case type
      when "hello" then read_hello(value, limits)
      when "heartbeat" then read_heartbeat(value, limits)
      when "reject"
        Fields.name(value, "session", Fields::SESSION)
        Fields.names(value, "lease_ids", Fields::ID, limits.leases)
        Fields.one_of(value, "reason", %w[unknown_handler malformed draining])
      when "bye" then Fields.name(value, "session", Fields::SESSION)
      else raise ProtocolError.new("unknown_type", "type", "one of #{TYPES.join(", ")}", type)
      end
      value
    end

    def read_hello(value, limits)
      worker_id = Fields.name(value, "worker_id", Fields::WORKER_ID)
      session = Fields.name(value, "session", Fields::SESSION)
      unless session.size == worker_id.size + 9 && session.start_with?(worker_id)
        raise ProtocolError.new("invalid_value", "session", "#{worker_id}- and 8 hexadecimal digits", session)
      end

      Fields.names(value, "protocols", Fields::CODE, 16)
      Fields.names(value, "codecs", Fields::CODE, 16) unless Fields.absent?(value, "codecs")
      %w[language sdk version].each { |name| Fields.text(value, name, 128) unless Fields.absent?(value, name) }
      Fields.name(value, "pool", Fields::WORKER_ID) unless Fields.absent?(value, "pool")
      Fields.names(value, "handlers", Fields::NAME, limits.handlers)
      Fields.integer(value, "capacity", 0, limits.leases)
      %w[leases outbox].each { |name| Fields.names(value, name, Fields::ID, limits.leases) unless Fields.absent?(value, name) }
    end

    def read_heartbeat(value, limits)
      Fields.name(value, "session", Fields::SESSION)
      Fields.name(value, "epoch", Fields::ID)
      Fields.integer(value, "last_seq", 0, 2**52)
      Fields.names(value, "leases", Fields::ID, limits.leases)
      Fields.integer(value, "capacity", 0, limits.leases)
      value["progress"] = [] if Fields.absent?(value, "progress")
      value["progress"].each_with_index do |report, index|
        Fields.name(report, "lease_id", Fields::ID, "progress[#{index}].")
        open_payload(report, "progress", limits, "progress[#{index}].")
        check_size(report["progress"], "progress[#{index}].progress", limits.progress_bytes)
      end
      read_checkpoints(value, limits)
    end

    # A cursor that cannot be used does not spoil its heartbeat.
    def read_checkpoints(value, limits)
      value["checkpoints"] = [] if Fields.absent?(value, "checkpoints")
      value["refused"] = []
      value["checkpoints"].each_with_index do |checkpoint, index|
        path = "checkpoints[#{index}]"
        Fields.name(checkpoint, "lease_id", Fields::ID)
        Fields.integer(checkpoint, "seq", 1)
        open_payload(checkpoint, "cursor", limits)
        check_size(checkpoint["cursor"], "cursor", limits.checkpoint_bytes)
      rescue ProtocolError => e
        value["refused"] << e.within(path)
      end
    end

    def read_results(value, limits)
      version = value["protocol_version"].nil? ? "1.0" : Fields.version(value, %w[1.0 2.0])
      Fields.name(value, "batch_id", Fields::ID)
      Fields.name(value, "session", Fields::SESSION) if version == "2.0"
      items = Fields.list(value, "results", limits.results_per_message)
      value["refused"] = []
      items.each_with_index do |item, index|
        read_result(item, version, limits)
      rescue ProtocolError => e
        value["refused"] << e.within("results[#{index}]")
      end
      value["type"] = "results"
      value
    end

    def read_result(item, version, limits)
      raise ProtocolError.new("wrong_type", "", "an object", Fields.describe(item)) unless item.is_a?(Hash)

      %w[output error].each { |name| open_payload(item, name, limits) }
      Fields.integer(item, "step_id", 1)
      Fields.one_of(item, "status", %w[completed failed error])
      check_size(item["output"], "output", limits.output_bytes)
      Fields.object(item, "error") unless Fields.absent?(item, "error")
      return if version == "1.0" && Fields.absent?(item, "metadata")

      read_metadata(Fields.object(item, "metadata"), version)
    end

    def read_metadata(metadata, version)
      Fields.milliseconds(metadata, "execution_time_ms", "metadata.") unless Fields.absent?(metadata, "execution_time_ms")
      Fields.text(metadata, "handler_version", 255, "metadata.") unless Fields.absent?(metadata, "handler_version")
      Fields.boolean(metadata, "retryable", "metadata.") unless Fields.absent?(metadata, "retryable")
      return if version == "1.0"

      Fields.name(metadata, "lease_id", Fields::ID, "metadata.")
      Fields.milliseconds(metadata, "retry_after_ms", "metadata.") unless Fields.absent?(metadata, "retry_after_ms")
      Fields.integer(metadata, "attempt", 1, path: "metadata.") unless Fields.absent?(metadata, "attempt")
    end

    # In MessagePack payloads are text that holds JSON.
    def open_payload(from, name, limits, path = "")
      Codec::Frame.open_payload(from, name, 3, limits, path) if @packed
    end

    # Of the value as JSON without white space, which is at most what came.
    def check_size(value, path, max)
      bytes = JsonText.generate(value).bytesize
      raise ProtocolError.new("too_large", path, "at most #{max} bytes", "#{bytes} bytes") if bytes > max
    rescue JsonText::NotJson
      nil # a number beyond a double, which Ruby reads and cannot write
    end
  end
end
