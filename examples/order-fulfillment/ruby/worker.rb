# frozen_string_literal: true

# A worker for the order fulfilment: four handlers, named as the template names them. Arguments are the steps that this process runs, so
# that others may run the rest; without any it runs them all.
$LOAD_PATH.unshift(File.expand_path("../../../workers/ruby/lib", __dir__))
require "tasker_worker"
require_relative "handlers/process_payment"
require_relative "handlers/reserve_inventory"
require_relative "handlers/ship_order"
require_relative "handlers/validate_order"

HANDLERS = {
  "validate_order" => ["OrderFulfillment::StepHandlers::ValidateOrderHandler", OrderFulfillment.method(:validate_order)],
  "reserve_inventory" => ["OrderFulfillment::StepHandlers::ReserveInventoryHandler", OrderFulfillment::ReserveInventoryHandler],
  "process_payment" => ["OrderFulfillment::StepHandlers::ProcessPaymentHandler", OrderFulfillment.method(:process_payment)],
  "ship_order" => ["OrderFulfillment::StepHandlers::ShipOrderHandler", OrderFulfillment.method(:ship_order)]
}.freeze

worker = TaskerWorker::Worker.new(version: "1.0.0")
(ARGV.empty? ? HANDLERS.keys : ARGV).each { |step_name| worker.handle(*HANDLERS.fetch(step_name)) }
worker.run
