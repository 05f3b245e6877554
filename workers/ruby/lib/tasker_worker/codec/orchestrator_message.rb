# frozen_string_literal: true

require_relative "frame"

module TaskerWorker
  module Codec
    # What a worker hears: batches of steps (of either version) and control messages. Messages are hashes with the names of the wire,
    # and every member that is read has been checked.
    module OrchestratorMessage
      MAX_HEARTBEAT_MS = 60_000
      SIZES = %w[max_message_bytes max_output_bytes max_steps_per_batch max_checkpoint_bytes].freeze
      TYPES = %w[welcome result_ack checkpoint_ack ping rehello cancel drain refuse].freeze
      CODECS = %w[json msgpack].freeze
      PAYLOADS = %w[handler_config task_context previous_results].freeze
      # Objects and arrays around a payload, the message itself included.
      LEVELS_AROUND = 3
      ASCII_NAME = /\A[!-~]+\z/

      # A step that cannot be used, while its neighbours can: its place in the batch, and what is wrong.
      Refused = Struct.new(:index, :error)

      module_function

      # @param frame [String]
      # @return [Hash] a batch has `steps` (those that can be used) and `refused`
      # @raise [ProtocolError] `unknown_type` is to be ignored, the others are to be logged
      def decode(frame, limits: DEFAULT_LIMITS)
        value = Frame.read(frame, limits: limits)
        # A batch of 1.0 has no type.
        return read_control(value, limits) unless value["type"].nil? || value["type"] == "batch"

        read_batch(value, limits, Frame.message_pack?(frame))
      end

      def read_batch(value, limits, message_pack)
        version = Fields.version(value, %w[1.0 2.0])
        batch_id = Fields.name(value, "batch_id", Fields::ID)
        items = Fields.list(value, "steps", limits.steps_per_batch)
        steps, refused = read_steps(items, version, batch_id, message_pack ? limits : nil)
        message = { "batch_id" => batch_id, "protocol_version" => version, "steps" => steps, "refused" => refused }
        return message if version == "1.0"

        message["type"] = Fields.one_of(value, "type", ["batch"])
        message["seq"] = Fields.integer(value, "seq", 1)
        message
      rescue ProtocolError => e
        raise e.within("", Fields.id?(value["batch_id"]) ? { batch_id: value["batch_id"] } : {})
      end

      # @param packed_limits [Limits, nil] of a message in MessagePack
      def read_steps(items, version, batch_id, packed_limits)
        refused = nil
        items.each_with_index do |item, index|
          open_payloads(item, packed_limits) if packed_limits
          read_step(item, version)
        rescue ProtocolError => e
          (refused ||= []) << Refused.new(index, e.within("steps[#{index}]", { batch_id: batch_id, **readable_ids(item) }))
        end
        return [items, []] if refused.nil?

        bad = refused.map(&:index)
        [items.reject.with_index { |_, index| bad.include?(index) }, refused]
      end

      def open_payloads(step, limits)
        return unless step.is_a?(Hash)

        PAYLOADS.each { |name| Frame.open_payload(step, name, LEVELS_AROUND, limits) }
        metadata = step["metadata"]
        Frame.open_payload(metadata, "checkpoint", LEVELS_AROUND + 1, limits, "metadata.") if metadata.is_a?(Hash)
      end

      def read_step(step, version)
        return if version == "2.0" && usable?(step)

        raise ProtocolError.new("wrong_type", "", "an object", Fields.describe(step)) unless step.is_a?(Hash)

        step["step_id"] = Fields.integer(step, "step_id", 1)
        Fields.integer(step, "task_id", 1)
        Fields.name(step, "step_name", Fields::NAME)
        Fields.name(step, "handler_class", Fields::NAME)
        PAYLOADS.each { |name| Fields.object(step, name) }
        read_metadata(Fields.object(step, "metadata"), version)
      end

      # The checks of `read_step` for the form that nearly every step of 2.0 has, in one expression: half the time of the decoder went
      # into calls. What fails here is looked at again, member by member.
      def usable?(step)
        step.is_a?(Hash) && count?(step["step_id"]) && count?(step["task_id"]) &&
          short?(step["step_name"], ASCII_NAME) && short?(step["handler_class"], ASCII_NAME) &&
          step["handler_config"].is_a?(Hash) && step["task_context"].is_a?(Hash) && step["previous_results"].is_a?(Hash) &&
          (metadata = step["metadata"]).is_a?(Hash) && count?(metadata["attempt"]) && count?(metadata["timeout_ms"]) &&
          (limit = metadata["retry_limit"]).is_a?(Integer) && limit >= 0 && limit <= Fields::MAX_INTEGER &&
          short?(metadata["lease_id"], Fields::ID.pattern) && short?(metadata["task_uuid"], Fields::ID.pattern) &&
          (key = metadata["idempotency_key"]).is_a?(String) && key.bytesize <= Fields::MAX_TEXT_CHARS && metadata["traceparent"].nil?
      end

      def count?(value) = value.is_a?(Integer) && value >= 1 && value <= Fields::MAX_INTEGER

      def short?(value, pattern) = value.is_a?(String) && value.bytesize <= 255 && pattern.match?(value)

      def read_metadata(metadata, version)
        metadata["attempt"] = Fields.integer(metadata, "attempt", version == "1.0" ? 0 : 1, path: "metadata.")
        metadata["retry_limit"] = Fields.integer(metadata, "retry_limit", 0, path: "metadata.")
        metadata["timeout_ms"] = Fields.integer(metadata, "timeout_ms", 1, path: "metadata.")
        return if version == "1.0"

        Fields.name(metadata, "lease_id", Fields::ID, "metadata.")
        Fields.text(metadata, "idempotency_key", Fields::MAX_TEXT_CHARS, "metadata.")
        Fields.name(metadata, "task_uuid", Fields::ID, "metadata.")
        Fields.name(metadata, "traceparent", Fields::ID, "metadata.") unless Fields.absent?(metadata, "traceparent")
      end

      # The ids of a step that was refused, as far as they are legal themselves.
      def readable_ids(step)
        return {} unless step.is_a?(Hash)

        metadata = step["metadata"]
        lease_id = metadata["lease_id"] if metadata.is_a?(Hash)
        step_id = step["step_id"]
        { step_id: (step_id if step_id.is_a?(Integer) && step_id.between?(1, Fields::MAX_INTEGER)),
          lease_id: (lease_id if Fields.id?(lease_id)) }
      end

      def read_control(value, limits)
        type = Fields.text(value, "type")
        Fields.version(value, ["2.0"])
        Fields.name(value, "orchestrator_id", Fields::WORKER_ID)
        Fields.name(value, "epoch", Fields::ID)
        case type
        when "welcome" then read_welcome(value)
        when "result_ack" then read_result_ack(value, limits)
        when "checkpoint_ack" then read_checkpoint_ack(value, limits)
        when "ping" then nil
        when "rehello", "drain" then Fields.text(value, "reason")
        when "cancel" then read_cancel(value, limits)
        when "refuse" then read_refuse(value)
        else raise ProtocolError.new("unknown_type", "type", "one of \"#{TYPES.join('", "')}\"", Fields.describe(type))
        end
        value
      end

      def read_welcome(value)
        Fields.one_of(value, "version", %w[1.0 2.0])
        Fields.one_of(value, "codec", CODECS)
        value["heartbeat_ms"] = Fields.integer(value, "heartbeat_ms", 1, MAX_HEARTBEAT_MS)
        limits = Fields.object(value, "limits")
        limits["max_checkpoint_bytes"] = DEFAULT_LIMITS.checkpoint_bytes if Fields.absent?(limits, "max_checkpoint_bytes")
        SIZES.each { |name| limits[name] = Fields.integer(limits, name, 1, path: "limits.") }
      end

      def read_result_ack(value, limits)
        Fields.names(value, "lease_ids", Fields::ID, limits.leases)
        value["timeout_ids"] = [] if Fields.absent?(value, "timeout_ids")
        Fields.names(value, "timeout_ids", Fields::ID, limits.leases)
      end

      def read_checkpoint_ack(value, limits)
        Fields.list(value, "checkpoints", limits.leases).each_with_index do |answer, index|
          path = "checkpoints[#{index}]"
          raise ProtocolError.new("wrong_type", path, "an object", Fields.describe(answer)) unless answer.is_a?(Hash)

          Fields.name(answer, "lease_id", Fields::ID, "#{path}.")
          answer["seq"] = Fields.integer(answer, "seq", 1, path: "#{path}.")
          Fields.name(answer, "refused", Fields::CODE, "#{path}.") unless Fields.absent?(answer, "refused")
        end
      end

      def read_cancel(value, limits)
        Fields.names(value, "lease_ids", Fields::ID, limits.leases)
        Fields.text(value, "reason")
      end

      def read_refuse(value)
        Fields.name(value, "reason", Fields::CODE)
        value["detail"] = "" if Fields.absent?(value, "detail")
        Fields.text(value, "detail")
      end

      private_class_method :read_batch, :read_steps, :open_payloads, :read_step, :usable?, :count?, :short?, :read_metadata, :readable_ids,
                           :read_control, :read_welcome, :read_result_ack, :read_checkpoint_ack, :read_cancel, :read_refuse
    end
  end
end
