// Package handlers has the four steps of the order fulfilment.
package handlers

import (
	"context"
	"fmt"

	"github.com/tasker-systems/tasker/examples/order-fulfillment/go/order"
	tasker "github.com/tasker-systems/tasker/workers/go"
)

type validateConfig struct {
	MaxItems      int   `json:"max_items"`
	MaxTotalCents int64 `json:"max_total_cents"`
}

// ValidatedOrder is the output of validate_order.
type ValidatedOrder struct {
	Status     string `json:"status"`
	ItemCount  int    `json:"item_count"`
	TotalCents int64  `json:"total_cents"`
}

// ValidateOrder checks what a JSON Schema cannot: that the parts of the order agree with each other. A wrong order stays
// wrong, so every refusal is permanent; its code tells programs which rule it broke.
func ValidateOrder(_ context.Context, step *tasker.Step[order.Order]) (ValidatedOrder, error) {
	config, err := tasker.ConfigOf[validateConfig](step)
	if err != nil {
		return ValidatedOrder{}, err
	}
	validated := ValidatedOrder{Status: "approved"}
	for _, item := range step.Context.Items {
		validated.ItemCount += item.Quantity
		validated.TotalCents += int64(item.Quantity) * item.UnitPriceCents
	}
	switch {
	case validated.ItemCount > config.MaxItems:
		return refuse("too_many_items", "%d items; one order may have %d", validated.ItemCount, config.MaxItems)
	case validated.TotalCents != step.Context.TotalCents:
		return refuse("total_mismatch", "the items cost %d cents, the order says %d", validated.TotalCents, step.Context.TotalCents)
	case validated.TotalCents > config.MaxTotalCents:
		return refuse("total_too_high", "%d cents is more than one order may cost", validated.TotalCents)
	}
	return validated, nil
}

func refuse(code, format string, args ...any) (ValidatedOrder, error) {
	return ValidatedOrder{}, &tasker.PermanentError{Message: fmt.Sprintf(format, args...), Code: code}
}
