# frozen_string_literal: true

require "digest"
require "tasker_worker"
require "time"
require_relative "../order"

# Books the parcel with a carrier and tells the customer, saying how far it is as it goes.
module OrderFulfillment
  # Who brings the parcel, and in how many days.
  Carrier = Struct.new(:name, :days)

  CARRIERS = { "ground" => Carrier.new("UPS", 4), "express" => Carrier.new("DHL", 1) }.freeze
  DAY_SECONDS = 86_400

  def self.ship_order(step)
    order = Order.new(step.context)
    carrier = CARRIERS.fetch(order.shipping_method)
    step.heartbeat(stage: "booking", carrier: carrier.name)
    shipment = { order_id: order.order_id, tracking_number: tracking_number(step.idempotency_key), carrier: carrier.name,
                 estimated_delivery: (Time.now.utc + (carrier.days * DAY_SECONDS)).strftime("%F"),
                 transaction_id: step.previous_results["process_payment"]["transaction_id"] }
    step.log.info("customer.notified", to: order.email, tracking_number: shipment[:tracking_number]) if step.config["send_notifications"]
    step.heartbeat(stage: "booked", carrier: carrier.name)
    shipment
  end

  # The same for every attempt of this step: a parcel that is booked twice is still one parcel.
  def self.tracking_number(idempotency_key)
    "1Z#{Digest::SHA256.digest(idempotency_key).unpack1("Q>").to_s.rjust(20, "0")[-16..]}"
  end
  private_class_method :tracking_number
end
