# frozen_string_literal: true

require "tasker_worker"
require_relative "../order"

# Checks what a JSON Schema cannot: that the parts of the order agree with each other. A wrong order stays wrong, so every refusal
# is permanent; its code tells programs which rule it broke.
module OrderFulfillment
  def self.validate_order(step)
    order = Order.new(step.context)
    item_count = order.items.sum(&:quantity)
    sum = order.items.sum { |item| item.quantity * item.unit_price_cents }
    refuse("too_many_items", "#{item_count} items; one order may have #{step.config["max_items"]}") if item_count > step.config["max_items"]
    refuse("total_mismatch", "the items cost #{sum} cents, the order says #{order.total_cents}") if sum != order.total_cents
    refuse("total_too_high", "#{sum} cents is more than one order may cost") if sum > step.config["max_total_cents"]
    { status: "approved", item_count: item_count, total_cents: sum }
  end

  def self.refuse(code, message)
    raise TaskerWorker::PermanentError.new(message, code: code)
  end
  private_class_method :refuse
end
