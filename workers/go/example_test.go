package tasker_test

// The samples of README.md and docs/guides/worker-go.md, word for word, so that they compile.

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	tasker "github.com/tasker-systems/tasker/workers/go"
	"github.com/tasker-systems/tasker/workers/go/taskertest"
)

type Order struct {
	OrderID int64    `json:"order_id"`
	Card    string   `json:"card"`
	Items   []string `json:"items"`
}

type Receipt struct {
	TrackingNumber string `json:"tracking_number"`
}

func shipOrder(ctx context.Context, step *tasker.Step[Order]) (Receipt, error) {
	parcel, err := carrier.Book(ctx, step.Context.OrderID, step.IdempotencyKey)
	if err != nil {
		return Receipt{}, err
	}
	return Receipt{TrackingNumber: parcel.Number}, nil
}

func run(ctx context.Context) error {
	worker, err := tasker.NewWorker(tasker.Options{})
	if err != nil {
		return err
	}
	tasker.Handle(worker, "OrderFulfillment::StepHandlers::ShipOrderHandler", shipOrder)
	return worker.Run(ctx)
}

type Config struct {
	Currency string `json:"currency"`
}

type Payment struct {
	TransactionID string `json:"transaction_id"`
}

func processPayment(ctx context.Context, step *tasker.Step[Order]) (Payment, error) {
	config, err := tasker.ConfigOf[Config](step)
	if err != nil {
		return Payment{}, err
	}
	charge, err := gateway.Charge(ctx, step.Context.Card, config.Currency, step.IdempotencyKey)
	switch {
	case err == nil:
		return Payment{TransactionID: charge.ID}, nil
	case charge.Declined:
		return Payment{}, &tasker.PermanentError{Code: "card_declined", Err: err}
	case charge.Busy:
		return Payment{}, &tasker.RetryableError{Code: "gateway_busy", RetryAfter: 5 * time.Second, Err: err}
	default:
		return Payment{}, fmt.Errorf("charging order %d: %w", step.Context.OrderID, err)
	}
}

type Position struct {
	Row int `json:"row"`
}

func importRows(ctx context.Context, step *tasker.Step[Order]) (Position, error) {
	position, _, err := tasker.CursorOf[Position](step)
	for err == nil && position.Row < len(rows) {
		if err = rows[position.Row].Import(ctx); err == nil {
			position.Row++
			err = step.Checkpoint(position)
		}
	}
	return position, err
}

type ReserveInventoryHandler struct{}

func (ReserveInventoryHandler) Version() string { return "1.1.0" } // reported with every result

func (ReserveInventoryHandler) Process(task *tasker.Task, sequence *tasker.Sequence, step *tasker.Step[tasker.Payload]) (any, error) {
	var order Order
	if err := task.Context.Decode(&order); err != nil {
		return nil, err
	}
	return reserve(step.Ctx(), order.Items, sequence.ResultOf("validate_order"))
}

func register(worker *tasker.Worker) {
	worker.Handle("OrderFulfillment::StepHandlers::ReserveInventoryHandler", ReserveInventoryHandler{})
}

func TestShipOrder(t *testing.T) {
	outcome := taskertest.RunHandler(t.Context(), shipOrder, taskertest.Step{
		Context:         Order{OrderID: 12345},
		PreviousResults: map[string]any{"process_payment": Payment{TransactionID: "txn_789"}},
		Attempt:         2,
	})
	if outcome.Status != "completed" || outcome.Output != `{"tracking_number":"1Z"}` {
		t.Errorf("%+v %+v", outcome, outcome.Error)
	}
}

// ------------------------------------------------------------------------------------- what the samples speak of

type sampleParcel struct{ Number string }
type sampleCarrier struct{}

func (sampleCarrier) Book(context.Context, int64, string) (sampleParcel, error) {
	return sampleParcel{"1Z"}, nil
}

type sampleCharge struct {
	ID             string
	Declined, Busy bool
}
type sampleGateway struct{}

func (sampleGateway) Charge(_ context.Context, card, _, key string) (sampleCharge, error) {
	if card == "tok_declined" {
		return sampleCharge{Declined: true}, os.ErrPermission
	}
	return sampleCharge{ID: "txn_" + key}, nil
}

type sampleRow struct{}

func (sampleRow) Import(context.Context) error { return nil }

var (
	carrier sampleCarrier
	gateway sampleGateway
	rows    = make([]sampleRow, 3)
)

func reserve(_ context.Context, items []string, validated tasker.Payload) (any, error) {
	return map[string]any{"items": items, "validated": validated}, nil
}
