package handlers

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/tasker-systems/tasker/examples/order-fulfillment/go/order"
	tasker "github.com/tasker-systems/tasker/workers/go"
)

type shipConfig struct {
	// ShippingTimeout is in seconds (the seed's name).
	ShippingTimeout   int  `json:"shipping_timeout"`
	SendNotifications bool `json:"send_notifications"`
}

// Shipment is the output of ship_order.
type Shipment struct {
	OrderID           int64  `json:"order_id"`
	TrackingNumber    string `json:"tracking_number"`
	Carrier           string `json:"carrier"`
	EstimatedDelivery string `json:"estimated_delivery"`
	TransactionID     string `json:"transaction_id"`
}

var carriers = map[string]struct {
	name string
	days int
}{"ground": {"UPS", 4}, "express": {"DHL", 1}}

// ShipOrder books the parcel with a carrier and tells the customer, saying how far it is as it goes.
func ShipOrder(_ context.Context, step *tasker.Step[order.Order]) (Shipment, error) {
	config, configErr := tasker.ConfigOf[shipConfig](step)
	payment, paymentErr := tasker.ResultOf[Payment](step, "process_payment")
	if err := errors.Join(configErr, paymentErr); err != nil {
		return Shipment{}, err
	}
	carrier := carriers[step.Context.Shipping.Method]
	step.Heartbeat(map[string]string{"stage": "booking", "carrier": carrier.name})
	shipment := Shipment{
		OrderID:           step.Context.OrderID,
		TrackingNumber:    trackingNumber(step.IdempotencyKey),
		Carrier:           carrier.name,
		EstimatedDelivery: time.Now().UTC().AddDate(0, 0, carrier.days).Format(time.DateOnly),
		TransactionID:     payment.TransactionID,
	}
	if config.SendNotifications {
		step.Log().Info("customer.notified", "to", step.Context.CustomerInfo.Email, "tracking_number", shipment.TrackingNumber)
	}
	step.Heartbeat(map[string]string{"stage": "booked", "carrier": carrier.name})
	return shipment, nil
}

// trackingNumber is the same for every attempt of this step: a parcel that is booked twice is still one parcel.
func trackingNumber(idempotencyKey string) string {
	digest := sha256.Sum256([]byte(idempotencyKey))
	digits := fmt.Sprintf("%020d", binary.BigEndian.Uint64(digest[:8]))
	return "1Z" + digits[len(digits)-16:]
}
