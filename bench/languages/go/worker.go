// A worker whose handler answers at once, or after HANDLER_MS.
package main

import (
	"context"
	"log"
	"os"
	"strconv"
	"strings"
	"time"

	tasker "github.com/tasker-systems/tasker/workers/go"
)

type output struct {
	OrderID int    `json:"order_id"`
	Note    string `json:"note"`
}

func main() {
	ms, err := strconv.Atoi(os.Getenv("HANDLER_MS"))
	if err != nil {
		log.Fatal(err)
	}
	worker, err := tasker.NewWorker(tasker.Options{})
	if err != nil {
		log.Fatal(err)
	}
	answer := output{OrderID: 12345, Note: strings.Repeat("x", 70)}
	tasker.Handle(worker, "noop", func(context.Context, *tasker.Step[tasker.Payload]) (output, error) {
		if ms > 0 {
			time.Sleep(time.Duration(ms) * time.Millisecond)
		}
		return answer, nil
	})
	if err := worker.Run(context.Background()); err != nil {
		log.Fatal(err)
	}
}
