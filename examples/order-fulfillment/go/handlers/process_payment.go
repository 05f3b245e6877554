package handlers

import (
	"context"
	"errors"

	"github.com/tasker-systems/tasker/examples/order-fulfillment/go/order"
	"github.com/tasker-systems/tasker/examples/order-fulfillment/go/services"
	tasker "github.com/tasker-systems/tasker/workers/go"
)

type paymentConfig struct {
	Currency string `json:"currency"`
}

// Payment is the output of process_payment.
type Payment struct {
	TransactionID string `json:"transaction_id"`
	AmountCents   int64  `json:"amount_cents"`
	Currency      string `json:"currency"`
}

// ProcessPayment takes the money. The step's idempotency key goes to the gateway, so an attempt that is repeated charges
// nothing twice; and where nobody knows whether the gateway was reached, the template's `on_lost: hold` waits for a
// person instead.
func ProcessPayment(ctx context.Context, step *tasker.Step[order.Order]) (Payment, error) {
	config, err := tasker.ConfigOf[paymentConfig](step)
	if err != nil {
		return Payment{}, err
	}
	payment := Payment{AmountCents: step.Context.TotalCents, Currency: config.Currency}
	payment.TransactionID, err = services.Charge(ctx, services.ChargeRequest{
		IdempotencyKey: step.IdempotencyKey,
		Token:          step.Context.Payment.Token,
		AmountCents:    payment.AmountCents,
		Currency:       payment.Currency,
	})
	var busy *services.BusyError
	switch {
	case errors.Is(err, services.ErrCardDeclined):
		return payment, &tasker.PermanentError{Code: "card_declined", Err: err}
	case errors.As(err, &busy):
		return payment, &tasker.RetryableError{Code: "gateway_busy", RetryAfter: busy.RetryAfter, Err: err}
	case err != nil:
		return payment, err
	}
	step.Log().Info("payment.charged", "transaction", payment.TransactionID, "amount_cents", payment.AmountCents)
	return payment, nil
}
