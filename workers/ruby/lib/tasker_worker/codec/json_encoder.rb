# frozen_string_literal: true

require "json"
require_relative "json_text"

module TaskerWorker
  module Codec
    # What a worker says, in JSON: about itself on `worker`, and what became of steps on `results`. Payloads are JSON text,
    # joined in as they are.
    module JsonEncoder
      module_function

      # A hello, reject or bye: `{"type", "protocol_version", "session", ...members}`.
      def message(type, session, members = {})
        "worker #{JSON.generate({ type: type, protocol_version: "2.0", session: session, **members })}"
      end

      # @param progress [Hash{String => String}] lease -> JSON text
      # @param checkpoints [Array<Array(String, Integer, String)>] lease, seq, JSON text
      def heartbeat(session, epoch:, last_seq:, leases:, capacity:, progress:, checkpoints:)
        frame = message("heartbeat", session, epoch: epoch, last_seq: last_seq, leases: leases, capacity: capacity).chop
        reports = progress.map { |lease_id, text| "{\"lease_id\":#{JsonText.quote(lease_id)},\"progress\":#{text}}" }
        frame << ",\"progress\":[" << reports.join(",") << "]"
        unless checkpoints.empty?
          cursors = checkpoints.map { |lease_id, seq, text| "{\"lease_id\":#{JsonText.quote(lease_id)},\"seq\":#{seq},\"cursor\":#{text}}" }
          frame << ",\"checkpoints\":[" << cursors.join(",") << "]"
        end
        frame << "}"
      end

      # @param outcomes [Array<Outcome>] of steps of this batch
      def results(batch_id, session, outcomes)
        frame = +"results {\"batch_id\":#{JsonText.quote(batch_id)},\"protocol_version\":\"2.0\",\"session\":\"#{session}\",\"results\":["
        outcomes.each_with_index do |outcome, index|
          frame << "," if index.positive?
          append_result(frame, outcome)
        end
        frame << "]}"
      end

      def append_result(frame, outcome)
        step = outcome.step
        frame << "{\"step_id\":#{step.step_id},\"status\":\"#{outcome.status}\",\"output\":" << outcome.output << ",\"error\":" << outcome.error
        frame << ",\"metadata\":{\"execution_time_ms\":#{outcome.execution_time_ms},\"lease_id\":#{JsonText.quote(step.lease_id)}," \
                 "\"attempt\":#{step.attempt}"
        frame << ",\"handler_version\":" << JSON.generate(step.handler_version) if step.handler_version
        frame << ",\"retryable\":#{outcome.retryable}" unless outcome.retryable.nil?
        frame << ",\"retry_after_ms\":#{outcome.retry_after_ms}" if outcome.retry_after_ms
        frame << "}}"
      end
      private_class_method :append_result
    end
  end
end
