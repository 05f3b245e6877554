package handlers

import (
	"errors"
	"time"

	"github.com/tasker-systems/tasker/examples/order-fulfillment/go/order"
	"github.com/tasker-systems/tasker/examples/order-fulfillment/go/services"
	tasker "github.com/tasker-systems/tasker/workers/go"
)

// restock: new goods come in every few minutes, so it is worth asking again a little later.
const restock = 5 * time.Second

// ReserveInventory sets goods aside. In the class form of the seed: Process(task, sequence, step), with a version that
// results carry.
type ReserveInventory struct {
	Inventory *services.Inventory
}

// Version is reported with every result.
func (ReserveInventory) Version() string { return "1.1.0" }

// Process sets the goods of one order aside.
func (h ReserveInventory) Process(task *tasker.Task, sequence *tasker.Sequence, step *tasker.Step[tasker.Payload]) (any, error) {
	var placed order.Order
	var validated ValidatedOrder
	var config struct {
		HoldMinutes int `json:"hold_minutes"`
	}
	if err := errors.Join(task.Context.Decode(&placed), sequence.ResultOf("validate_order").Decode(&validated), step.Config.Decode(&config)); err != nil {
		return nil, err
	}
	wanted := map[string]int{}
	for _, item := range placed.Items {
		wanted[item.SKU] += item.Quantity
	}
	reservation, err := h.Inventory.Reserve(step.IdempotencyKey, wanted, time.Duration(config.HoldMinutes)*time.Minute)
	switch {
	case errors.Is(err, services.ErrOutOfStock):
		return nil, &tasker.RetryableError{Code: "out_of_stock", RetryAfter: restock, Err: err}
	case errors.Is(err, services.ErrUnknownSKU):
		return nil, &tasker.PermanentError{Code: "unknown_sku", Err: err}
	case err != nil:
		return nil, err
	}
	step.Log().Info("inventory.reserved", "reservation", reservation.ID, "items", validated.ItemCount)
	return map[string]string{"reservation_id": reservation.ID, "expires_at": reservation.ExpiresAt.UTC().Format(time.RFC3339)}, nil
}
