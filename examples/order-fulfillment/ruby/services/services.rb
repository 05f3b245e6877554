# frozen_string_literal: true

require_relative "inventory"
require_relative "payment_gateway"

module OrderFulfillment
  # What the handlers reach outside themselves. Here both live in this process; in a shop they would be other systems.
  module Services
    PLENTY = 1_000_000
    INVENTORY = Inventory.new({ "TEA-EARL-GREY-250" => PLENTY, "TEA-DARJEELING-100" => PLENTY, "TEAPOT-CAST-IRON" => PLENTY })
    GATEWAY = PaymentGateway.new
  end
end
