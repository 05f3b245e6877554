// The worker of the runs in Go: `chaos.work` and `chaos.gate`, as in ../typescript/worker.ts.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	tasker "github.com/tasker-systems/tasker/workers/go"
)

type settings struct {
	Ms    *float64 `json:"ms"`
	Fails int      `json:"fails"`
	Gate  string   `json:"gate"`
}

type step = tasker.Step[settings]

// line is what the auditor reads of each attempt.
type line struct {
	At      int64  `json:"at"`
	Event   string `json:"event"`
	Task    string `json:"task"`
	Step    string `json:"step"`
	Attempt int    `json:"attempt"`
	Worker  string `json:"worker"`
	Outcome string `json:"outcome,omitempty"`
}

func main() {
	worker, err := tasker.NewWorker(tasker.Options{})
	if err == nil {
		tasker.Handle(worker, "chaos.work", logged(work))
		tasker.Handle(worker, "chaos.gate", logged(gate))
		err = worker.Run(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func logged(run func(context.Context, *step) error) func(context.Context, *step) (any, error) {
	return func(ctx context.Context, step *step) (any, error) {
		write(step, "started", "")
		if err := run(ctx, step); err != nil {
			write(step, "ended", "failed")
			return nil, err
		}
		write(step, "ended", "completed")
		return map[string]int{"attempt": step.Attempt}, nil
	}
}

func work(_ context.Context, step *step) error {
	config, err := tasker.ConfigOf[settings](step)
	if err != nil {
		return err
	}
	ms := 1.0
	for _, given := range []*float64{config.Ms, step.Context.Ms} {
		if given != nil {
			ms = *given
		}
	}
	time.Sleep(time.Duration(ms * float64(time.Millisecond)))
	if step.Attempt <= config.Fails {
		return &tasker.RetryableError{Message: fmt.Sprintf("attempt %d fails", step.Attempt)}
	}
	return nil
}

func gate(ctx context.Context, step *step) error {
	for {
		if _, err := os.Stat(step.Context.Gate); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func write(step *step, event, outcome string) {
	text, err := json.Marshal(line{time.Now().UnixMilli(), event, step.TaskID, step.StepName, step.Attempt, os.Getenv("TASKER_WORKER_ID"), outcome})
	if err != nil {
		panic(err)
	}
	file, err := os.OpenFile(os.Getenv("CHAOS_LOG"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	defer file.Close()
	if _, err := file.Write(append(text, '\n')); err != nil {
		panic(err)
	}
}
