package services

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"
)

// ErrCardDeclined is the bank's answer to some cards.
var ErrCardDeclined = errors.New("the bank declined the card")

// BusyError says when to come again.
type BusyError struct{ RetryAfter time.Duration }

func (e *BusyError) Error() string { return "the gateway is busy" }

// ChargeRequest is what the gateway is asked for. The token tok_declined is declined, tok_busy meets a busy gateway; every
// other card is good.
type ChargeRequest struct {
	IdempotencyKey string
	Token          string
	AmountCents    int64
	Currency       string
}

const (
	answersAfter = 2 * time.Millisecond
	busyFor      = 500 * time.Millisecond
)

// Charge asks a payment gateway that behaves as real ones do: it takes a moment, declines some cards, is sometimes busy,
// and charges once for one idempotency key however often it is asked, also by another process: the transaction's id
// follows from the key. When ctx is done first, the charge may have been made or not.
func Charge(ctx context.Context, request ChargeRequest) (transactionID string, err error) {
	answer := time.NewTimer(answersAfter)
	defer answer.Stop()
	select {
	case <-answer.C:
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	switch request.Token {
	case "tok_declined":
		return "", ErrCardDeclined
	case "tok_busy":
		return "", &BusyError{busyFor}
	}
	digest := sha256.Sum256(fmt.Appendf(nil, "%s %d %s", request.IdempotencyKey, request.AmountCents, request.Currency))
	return fmt.Sprintf("txn_%x", digest[:8]), nil
}
