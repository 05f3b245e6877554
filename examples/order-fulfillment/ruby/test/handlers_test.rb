# frozen_string_literal: true

require "json"
require "minitest/autorun"
require "tasker_worker/testing"
require_relative "../handlers/process_payment"
require_relative "../handlers/reserve_inventory"
require_relative "../handlers/ship_order"
require_relative "../handlers/validate_order"

# The handlers by themselves: no orchestrator, no sockets, one attempt at a time.
class HandlersTest < Minitest::Test
  include OrderFulfillment

  ORDER = JSON.parse(File.read(File.expand_path("../../context.json", __dir__))).freeze
  VALIDATE_CONFIG = { max_items: 50, max_total_cents: 1_000_000 }.freeze
  RESERVE = { config: { hold_minutes: 30 },
              previous_results: { validate_order: { status: "approved", item_count: 3, total_cents: 9300 } } }.freeze
  SHIP = { previous_results: { process_payment: { transaction_id: "txn_789" } },
           config: { shipping_timeout: 60, send_notifications: true } }.freeze

  def run_handler(handler, **step)
    handler = OrderFulfillment.method(handler) if handler.is_a?(Symbol)
    TaskerWorker::Testing.run_handler(handler, context: ORDER, **step)
  end

  def stocked = Inventory.new({ "TEA-EARL-GREY-250" => 5, "TEAPOT-CAST-IRON" => 1 })

  def test_validate_order_approves_an_order_whose_parts_agree
    result = run_handler(:validate_order, config: VALIDATE_CONFIG)
    assert_equal({ "status" => "approved", "item_count" => 3, "total_cents" => 9300 }, result.output)
  end

  def test_validate_order_refuses_a_wrong_total_for_good
    result = run_handler(:validate_order, context: ORDER.merge("total_cents" => 1), config: VALIDATE_CONFIG)
    assert_equal ["total_mismatch", "the items cost 9300 cents, the order says 1"], result.error.values_at("code", "message")
    assert_equal false, result.retryable
  end

  def test_validate_order_refuses_more_items_than_the_template_allows
    assert_equal "too_many_items", run_handler(:validate_order, config: VALIDATE_CONFIG.merge(max_items: 2)).error["code"]
  end

  def test_reserve_inventory_sets_the_goods_aside_once_however_often_it_is_asked
    inventory = stocked
    handler = ReserveInventoryHandler.new(inventory)
    first = run_handler(handler, **RESERVE, idempotency_key: "task-1:reserve_inventory")
    second = run_handler(handler, **RESERVE, idempotency_key: "task-1:reserve_inventory", attempt: 2)
    assert_match(/\Ares_/, first.output["reservation_id"])
    assert_equal first.output, second.output
    assert_equal 3, inventory.available("TEA-EARL-GREY-250")
  end

  def test_reserve_inventory_asks_to_be_tried_again_later_when_something_is_out_of_stock_and_sets_nothing_aside
    inventory = stocked
    inventory.reserve("somebody else", [Order::Item.new("TEAPOT-CAST-IRON", 1)], 30)
    result = run_handler(ReserveInventoryHandler.new(inventory), **RESERVE)
    assert_equal [:failed, true, 5_000, "out_of_stock"], [result.status, result.retryable, result.retry_after_ms, result.error["code"]]
    assert_equal 5, inventory.available("TEA-EARL-GREY-250")
  end

  def test_reserve_inventory_gives_up_on_an_article_that_does_not_exist
    context = ORDER.merge("items" => [{ "sku" => "MOON", "quantity" => 1, "unit_price_cents" => 9300 }])
    result = run_handler(ReserveInventoryHandler.new(stocked), context:, **RESERVE)
    assert_equal [false, "unknown_sku"], [result.retryable, result.error["code"]]
  end

  def pay(token, **step)
    run_handler(:process_payment, context: ORDER.merge("payment" => { "token" => token }), config: { currency: "USD" }, **step)
  end

  def test_process_payment_charges_the_orders_total_once_for_one_idempotency_key
    first, again, other = [["a", 1], ["a", 2], ["b", 1]].map { |key, attempt| pay("tok_visa_4242", idempotency_key: key, attempt:).output }
    assert_equal [9300, "USD"], first.values_at("amount_cents", "currency")
    assert_equal first, again
    refute_equal first["transaction_id"], other["transaction_id"]
  end

  def test_process_payment_takes_a_declined_card_as_final
    result = pay("tok_declined")
    assert_equal [:failed, false, "card_declined"], [result.status, result.retryable, result.error["code"]]
  end

  def test_process_payment_says_when_to_come_again_to_a_busy_gateway
    result = pay("tok_busy")
    assert_equal [true, 500, "gateway_busy"], [result.retryable, result.retry_after_ms, result.error["code"]]
  end

  def test_process_payment_stops_waiting_for_the_gateway_when_the_task_is_cancelled
    assert_equal "cancelled", pay("tok_visa_4242", cancel_after_ms: 0).error["code"]
  end

  def test_ship_order_books_a_parcel_and_says_how_far_it_is
    result = run_handler(:ship_order, **SHIP)
    assert_equal [12_345, "UPS", "txn_789"], result.output.values_at("order_id", "carrier", "transaction_id")
    assert_match(/\A1Z\d{16}\z/, result.output["tracking_number"])
    assert_equal [{ "stage" => "booking", "carrier" => "UPS" }, { "stage" => "booked", "carrier" => "UPS" }], result.heartbeats
  end

  def test_ship_order_gives_express_to_the_faster_carrier
    express = ORDER.merge("shipping" => ORDER["shipping"].merge("method" => "express"))
    assert_equal "DHL", run_handler(:ship_order, context: express, **SHIP).output["carrier"]
  end
end
