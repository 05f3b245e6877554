# frozen_string_literal: true

require "tasker_worker"
require_relative "../order"
require_relative "../services/services"

module OrderFulfillment
  # Sets goods aside. In the class form of the seed: `process(task, sequence, step)`, with a `VERSION` that results carry.
  class ReserveInventoryHandler
    VERSION = "1.1.0"
    # New goods come in every few minutes, so it is worth asking again a little later.
    RESTOCK_SECONDS = 5

    def initialize(inventory = Services::INVENTORY)
      @inventory = inventory
    end

    def process(task, sequence, step)
      validated = sequence.result_of("validate_order")
      reservation = @inventory.reserve(step.idempotency_key, Order.new(task.context).items, step.config["hold_minutes"])
      step.log.info("inventory.reserved", reservation: reservation.id, items: validated["item_count"])
      { reservation_id: reservation.id, expires_at: reservation.expires_at.iso8601(3) }
    rescue Inventory::OutOfStock => e
      raise TaskerWorker::RetryableError.new(e.message, code: "out_of_stock", retry_after: RESTOCK_SECONDS)
    rescue Inventory::UnknownSku => e
      raise TaskerWorker::PermanentError.new(e.message, code: "unknown_sku")
    end
  end
end
