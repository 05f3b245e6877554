# frozen_string_literal: true

require "digest"

module OrderFulfillment
  # A payment gateway as real ones behave: it takes a moment, declines some cards, is sometimes busy, and charges once for one
  # idempotency key however often it is asked, also by another process: the transaction's id follows from the key.
  class PaymentGateway
    class CardDeclined < StandardError; end

    # Come again in a moment.
    class Busy < StandardError
      # @return [Float] seconds
      attr_reader :retry_after

      def initialize(retry_after)
        super("the gateway is busy")
        @retry_after = retry_after
      end
    end

    Charge = Struct.new(:transaction_id)

    ANSWERS_AFTER_SECONDS = 0.002
    BUSY_FOR_SECONDS = 0.5

    # @param step [TaskerWorker::Step] whose idempotency key it is charged under; when it is cancelled first, the charge may have been
    #   made or not
    # @param token [String] `tok_declined` is declined, `tok_busy` meets a busy gateway; every other card is good
    # @return [Charge]
    # @raise [CardDeclined, Busy, TaskerWorker::Cancelled]
    def charge(step, token:, amount_cents:, currency:)
      step.wait(ANSWERS_AFTER_SECONDS)
      raise CardDeclined, "the bank declined the card" if token == "tok_declined"
      raise Busy, BUSY_FOR_SECONDS if token == "tok_busy"

      digest = Digest::SHA256.hexdigest("#{step.idempotency_key} #{amount_cents} #{currency}")
      Charge.new("txn_#{digest[0, 16]}")
    end
  end
end
