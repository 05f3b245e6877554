# frozen_string_literal: true

module TaskerWorker
  # Cursors that the orchestrator has not confirmed: the newest of each lease (spec section 20). While one is on its way, a
  # newer one waits for its ack, or for the next heartbeat. Holds and answers; the session sends.
  class Checkpoints
    Unsettled = Struct.new(:step, :seq, :text, :sent_seq)

    def initialize
      @unsettled = {}
    end

    def any? = !@unsettled.empty?

    # @return [Boolean] whether it is to be sent at once
    def put(step, seq, text)
      entry = (@unsettled[step.lease_id] ||= Unsettled.new(step, 0, nil, 0))
      entry.seq = seq
      entry.text = text
      entry.sent_seq.zero?
    end

    # @param refused [String, nil] why it is not kept
    # @return [Boolean] whether a newer one waited for this answer, and is to be sent now
    def settle(lease_id, seq, refused)
      entry = @unsettled[lease_id]
      return false if entry.nil?

      entry.step.checkpoint_settled(seq, refused)
      @unsettled.delete(lease_id) if seq >= entry.seq
      seq < entry.seq && unsent?(lease_id)
    end

    # @return [Boolean] whether the newest of this lease was never sent
    def unsent?(lease_id)
      entry = @unsettled[lease_id]
      !entry.nil? && entry.seq > entry.sent_seq
    end

    # The handler ended: what is not settled is not asked for any more.
    def forget(lease_id)
      @unsettled.delete(lease_id)
    end

    # @return [Array<Array(String, Integer, String)>] for a heartbeat: lease, seq, JSON text
    def to_send
      @unsettled.map do |lease_id, entry|
        entry.sent_seq = entry.seq
        [lease_id, entry.seq, entry.text]
      end
    end
  end
end
