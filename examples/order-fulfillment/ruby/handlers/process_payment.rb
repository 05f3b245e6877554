# frozen_string_literal: true

require "tasker_worker"
require_relative "../order"
require_relative "../services/services"

# Takes the money. The step's idempotency key goes to the gateway, so an attempt that is repeated charges nothing twice; and where
# nobody knows whether the gateway was reached, the template's `on_lost: hold` waits for a person instead.
module OrderFulfillment
  def self.process_payment(step)
    order = Order.new(step.context)
    currency = step.config["currency"]
    charge = Services::GATEWAY.charge(step, token: order.payment_token, amount_cents: order.total_cents, currency: currency)
    step.log.info("payment.charged", transaction: charge.transaction_id, amount_cents: order.total_cents)
    { transaction_id: charge.transaction_id, amount_cents: order.total_cents, currency: currency }
  rescue PaymentGateway::CardDeclined => e
    raise TaskerWorker::PermanentError.new(e.message, code: "card_declined")
  rescue PaymentGateway::Busy => e
    raise TaskerWorker::RetryableError.new(e.message, code: "gateway_busy", retry_after: e.retry_after)
  end
end
