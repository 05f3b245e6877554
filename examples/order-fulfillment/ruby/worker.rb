# frozen_string_literal: true

# A worker for the order fulfilment: four handlers, named as the template names them.
$LOAD_PATH.unshift(File.expand_path("../../../workers/ruby/lib", __dir__))
require "tasker_worker"
require_relative "handlers/process_payment"
require_relative "handlers/reserve_inventory"
require_relative "handlers/ship_order"
require_relative "handlers/validate_order"

worker = TaskerWorker::Worker.new(version: "1.0.0")
worker.handle("OrderFulfillment::StepHandlers::ValidateOrderHandler", OrderFulfillment.method(:validate_order))
worker.handle("OrderFulfillment::StepHandlers::ReserveInventoryHandler", OrderFulfillment::ReserveInventoryHandler)
worker.handle("OrderFulfillment::StepHandlers::ProcessPaymentHandler", OrderFulfillment.method(:process_payment))
worker.handle("OrderFulfillment::StepHandlers::ShipOrderHandler", OrderFulfillment.method(:ship_order))
worker.run
