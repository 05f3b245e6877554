# frozen_string_literal: true

require_relative "message_pack"

module TaskerWorker
  module Codec
    # What a worker says, in MessagePack; as `JsonEncoder`. Payloads stay JSON text.
    module MessagePackEncoder
      module_function

      def message(type, session, members = {})
        "worker ".b << MessagePack.pack({ type: type, protocol_version: "2.0", session: session, **members })
      end

      def heartbeat(session, epoch:, last_seq:, leases:, capacity:, progress:, checkpoints:)
        reports = progress.map { |lease_id, text| { lease_id: lease_id, progress: text } }
        cursors = checkpoints.map { |lease_id, seq, text| { lease_id: lease_id, seq: seq, cursor: text } }
        message("heartbeat", session, epoch: epoch, last_seq: last_seq, leases: leases, capacity: capacity, progress: reports,
                                      checkpoints: cursors)
      end

      def results(batch_id, session, outcomes)
        "results ".b << MessagePack.pack({ batch_id: batch_id, protocol_version: "2.0", session: session,
                                           results: outcomes.map { |outcome| result(outcome) } })
      end

      def result(outcome)
        step = outcome.step
        metadata = { execution_time_ms: outcome.execution_time_ms, lease_id: step.lease_id, attempt: step.attempt,
                     handler_version: step.handler_version, retryable: outcome.retryable, retry_after_ms: outcome.retry_after_ms }.compact
        { step_id: step.step_id, status: outcome.status, output: outcome.output, error: outcome.error, metadata: metadata }
      end
      private_class_method :result
    end
  end
end
