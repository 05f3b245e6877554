// The handlers by themselves: no orchestrator, no sockets, one attempt at a time.
package handlers_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/tasker-systems/tasker/examples/order-fulfillment/go/handlers"
	"github.com/tasker-systems/tasker/examples/order-fulfillment/go/order"
	"github.com/tasker-systems/tasker/examples/order-fulfillment/go/services"
	tasker "github.com/tasker-systems/tasker/workers/go"
	"github.com/tasker-systems/tasker/workers/go/taskertest"
)

func anOrder(t *testing.T) order.Order {
	t.Helper()
	text, err := os.ReadFile("../../context.json")
	var placed order.Order
	if err = errors.Join(err, json.Unmarshal(text, &placed)); err != nil {
		t.Fatal(err)
	}
	return placed
}

func outputOf[T any](t *testing.T, outcome taskertest.Outcome) (output T) {
	t.Helper()
	if outcome.Status != "completed" {
		t.Fatalf("%+v", outcome.Error)
	}
	if err := outcome.Output.Decode(&output); err != nil {
		t.Fatal(err)
	}
	return output
}

func expectFailure(t *testing.T, outcome taskertest.Outcome, code string, retryable bool, retryAfter time.Duration) {
	t.Helper()
	if outcome.Error == nil || outcome.Error.Code != code || *outcome.Retryable != retryable || outcome.RetryAfter != retryAfter {
		t.Errorf("%+v %+v", outcome, outcome.Error)
	}
}

var limits = map[string]int{"max_items": 50, "max_total_cents": 1_000_000}

func validate(t *testing.T, placed order.Order, config any) taskertest.Outcome {
	return taskertest.RunHandler(t.Context(), handlers.ValidateOrder, taskertest.Step{Context: placed, Config: config})
}

func TestValidateOrderApprovesAnOrderWhosePartsAgree(t *testing.T) {
	got := outputOf[handlers.ValidatedOrder](t, validate(t, anOrder(t), limits))
	if got != (handlers.ValidatedOrder{Status: "approved", ItemCount: 3, TotalCents: 9300}) {
		t.Errorf("%+v", got)
	}
}

func TestValidateOrderRefusesAWrongTotalForGood(t *testing.T) {
	placed := anOrder(t)
	placed.TotalCents = 1
	outcome := validate(t, placed, limits)
	expectFailure(t, outcome, "total_mismatch", false, 0)
	if outcome.Error.Message != "the items cost 9300 cents, the order says 1" {
		t.Error(outcome.Error.Message)
	}
}

func TestValidateOrderRefusesMoreThanTheTemplateAllows(t *testing.T) {
	expectFailure(t, validate(t, anOrder(t), map[string]int{"max_items": 2, "max_total_cents": 1_000_000}), "too_many_items", false, 0)
	expectFailure(t, validate(t, anOrder(t), map[string]int{"max_items": 50, "max_total_cents": 9_299}), "total_too_high", false, 0)
}

func stocked() *services.Inventory {
	return services.NewInventory(map[string]int{"TEA-EARL-GREY-250": 5, "TEAPOT-CAST-IRON": 1})
}

func reserve(t *testing.T, inventory *services.Inventory, placed order.Order, attempt int) taskertest.Outcome {
	return taskertest.RunProcess(t.Context(), handlers.ReserveInventory{Inventory: inventory}, taskertest.Step{
		Context:         placed,
		Config:          map[string]int{"hold_minutes": 30},
		PreviousResults: map[string]any{"validate_order": handlers.ValidatedOrder{Status: "approved", ItemCount: 3, TotalCents: 9300}},
		IdempotencyKey:  "task-1:reserve_inventory",
		Attempt:         attempt,
	})
}

func TestReserveInventorySetsTheGoodsAsideOnceHoweverOftenItIsAsked(t *testing.T) {
	inventory := stocked()
	first := outputOf[map[string]string](t, reserve(t, inventory, anOrder(t), 1))
	second := outputOf[map[string]string](t, reserve(t, inventory, anOrder(t), 2))
	if !regexp.MustCompile(`^res_[0-9a-f]{12}$`).MatchString(first["reservation_id"]) || first["reservation_id"] != second["reservation_id"] {
		t.Errorf("%v %v", first, second)
	}
	if left := inventory.Available("TEA-EARL-GREY-250"); left != 3 {
		t.Errorf("%d left", left)
	}
}

func TestReserveInventoryAsksToBeTriedAgainWhenSomethingIsOutOfStock(t *testing.T) {
	inventory := stocked()
	if _, err := inventory.Reserve("somebody else", map[string]int{"TEAPOT-CAST-IRON": 1}, time.Minute); err != nil {
		t.Fatal(err)
	}
	expectFailure(t, reserve(t, inventory, anOrder(t), 1), "out_of_stock", true, 5*time.Second)
	if left := inventory.Available("TEA-EARL-GREY-250"); left != 5 {
		t.Errorf("%d left", left)
	}
}

func TestReserveInventoryGivesUpOnAnArticleThatDoesNotExist(t *testing.T) {
	placed := anOrder(t)
	placed.Items = []order.Item{{SKU: "MOON", Quantity: 1, UnitPriceCents: 9300}}
	expectFailure(t, reserve(t, stocked(), placed, 1), "unknown_sku", false, 0)
}

func pay(ctx context.Context, t *testing.T, token, key string) taskertest.Outcome {
	placed := anOrder(t)
	placed.Payment.Token = token
	return taskertest.RunHandler(ctx, handlers.ProcessPayment, taskertest.Step{
		Context: placed, Config: map[string]string{"currency": "USD"}, IdempotencyKey: key,
	})
}

func TestProcessPaymentChargesOnceForOneIdempotencyKey(t *testing.T) {
	first := outputOf[handlers.Payment](t, pay(t.Context(), t, "tok_visa_4242", "a"))
	again := outputOf[handlers.Payment](t, pay(t.Context(), t, "tok_visa_4242", "a"))
	other := outputOf[handlers.Payment](t, pay(t.Context(), t, "tok_visa_4242", "b"))
	if first != again || first.TransactionID == other.TransactionID || first.AmountCents != 9300 || first.Currency != "USD" {
		t.Errorf("%+v %+v %+v", first, again, other)
	}
}

func TestProcessPaymentADeclinedCardIsFinal(t *testing.T) {
	expectFailure(t, pay(t.Context(), t, "tok_declined", "a"), "card_declined", false, 0)
}

func TestProcessPaymentABusyGatewaySaysWhenToComeAgain(t *testing.T) {
	expectFailure(t, pay(t.Context(), t, "tok_busy", "a"), "gateway_busy", true, 500*time.Millisecond)
}

func TestProcessPaymentStopsWaitingForTheGatewayWhenTheTaskIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the customer changed her mind"))
	expectFailure(t, pay(ctx, t, "tok_visa_4242", "a"), "cancelled", false, 0)
}

func ship(t *testing.T, method string) taskertest.Outcome {
	placed := anOrder(t)
	placed.Shipping.Method = method
	return taskertest.RunHandler(t.Context(), handlers.ShipOrder, taskertest.Step{
		Context:         placed,
		Config:          map[string]any{"shipping_timeout": 60, "send_notifications": true},
		PreviousResults: map[string]any{"process_payment": handlers.Payment{TransactionID: "txn_789"}},
	})
}

func TestShipOrderBooksAParcelAndSaysHowFarItIs(t *testing.T) {
	outcome := ship(t, "ground")
	got := outputOf[handlers.Shipment](t, outcome)
	if got.OrderID != 12345 || got.Carrier != "UPS" || got.TransactionID != "txn_789" || !regexp.MustCompile(`^1Z\d{16}$`).MatchString(got.TrackingNumber) {
		t.Errorf("%+v", got)
	}
	if !slices.Equal(outcome.Heartbeats, []tasker.Payload{`{"carrier":"UPS","stage":"booking"}`, `{"carrier":"UPS","stage":"booked"}`}) {
		t.Errorf("%v", outcome.Heartbeats)
	}
}

func TestShipOrderExpressGoesWithTheFasterCarrier(t *testing.T) {
	if got := outputOf[handlers.Shipment](t, ship(t, "express")); got.Carrier != "DHL" {
		t.Errorf("%+v", got)
	}
}
