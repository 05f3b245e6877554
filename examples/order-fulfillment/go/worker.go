// A worker for the order fulfilment: four handlers, named as the template names them. Arguments are the steps that this
// process runs, so that others may run the rest; without any it runs them all.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/tasker-systems/tasker/examples/order-fulfillment/go/handlers"
	"github.com/tasker-systems/tasker/examples/order-fulfillment/go/services"
	tasker "github.com/tasker-systems/tasker/workers/go"
)

var steps = []string{"validate_order", "reserve_inventory", "process_payment", "ship_order"}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(named []string) error {
	worker, err := tasker.NewWorker(tasker.Options{Version: "1.0.0"})
	if err != nil {
		return err
	}
	if len(named) == 0 {
		named = steps
	}
	for _, step := range named {
		switch step {
		case "validate_order":
			tasker.Handle(worker, "OrderFulfillment::StepHandlers::ValidateOrderHandler", handlers.ValidateOrder)
		case "reserve_inventory":
			worker.Handle("OrderFulfillment::StepHandlers::ReserveInventoryHandler", handlers.ReserveInventory{Inventory: services.Warehouse})
		case "process_payment":
			tasker.Handle(worker, "OrderFulfillment::StepHandlers::ProcessPaymentHandler", handlers.ProcessPayment)
		case "ship_order":
			tasker.Handle(worker, "OrderFulfillment::StepHandlers::ShipOrderHandler", handlers.ShipOrder)
		default:
			return fmt.Errorf("there is no step %s; there are %v", step, steps)
		}
	}
	return worker.Run(context.Background())
}
