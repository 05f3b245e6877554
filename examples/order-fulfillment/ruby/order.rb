# frozen_string_literal: true

module OrderFulfillment
  # The order as the template's `input_schema` describes it: the context of every task. Money is in cents.
  class Order
    # One line of the order.
    Item = Struct.new(:sku, :quantity, :unit_price_cents)

    # @param context [Hash] of the step
    def initialize(context)
      @context = context
    end

    def order_id = @context["order_id"]

    # @return [Array<Item>]
    def items = @context["items"].map { |item| Item.new(*item.values_at("sku", "quantity", "unit_price_cents")) }

    def total_cents = @context["total_cents"]

    def payment_token = @context["payment"]["token"]

    # @return [String] `ground` or `express`
    def shipping_method = @context["shipping"]["method"]

    def email = @context["customer_info"]["email"]
  end
end
