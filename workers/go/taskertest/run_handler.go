// Package taskertest runs one attempt of a handler exactly as a worker does, without sockets or an orchestrator.
package taskertest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	tasker "github.com/tasker-systems/tasker/workers/go"
	"github.com/tasker-systems/tasker/workers/go/internal/handler"
)

// Step is the step that the handler sees. What is zero has a default.
type Step struct {
	// Context, Config and PreviousResults (by step name) are anything that encoding/json writes.
	Context         any
	Config          any
	PreviousResults map[string]any
	// Cursor is what an earlier attempt saved by Checkpoint; nil: nothing.
	Cursor any
	// Attempt counts from 1.
	Attempt int
	// MaxAttempts is 3.
	MaxAttempts    int
	IdempotencyKey string
	TaskID         string
	StepName       string
	// Timeout is 30 s.
	Timeout time.Duration
	// MaxOutputBytes is 4 MiB.
	MaxOutputBytes int
	// Logger takes what the handler logs; else nothing is written.
	Logger *slog.Logger
}

// Outcome is how the attempt ended.
type Outcome struct {
	// Status is completed or failed.
	Status string
	// Output is as the next step gets it; null when failed.
	Output tasker.Payload
	// Error is nil when completed.
	Error *Error
	// Retryable: false means no further attempt. Nil: the step's policy decides.
	Retryable *bool
	// RetryAfter is zero when it is not said.
	RetryAfter time.Duration
	// HandlerVersion is what is reported with the result.
	HandlerVersion string
	// Heartbeats and Checkpoints are what the handler said, in order.
	Heartbeats  []tasker.Payload
	Checkpoints []tasker.Payload
}

// Error of a failed attempt, as people see it.
type Error struct {
	Message   string   `json:"message"`
	Code      string   `json:"code"`
	Type      string   `json:"type"`
	Backtrace []string `json:"backtrace"`
}

// RunHandler runs a function once. Payloads go through JSON as they do on the wire. The step is cancelled when ctx is
// done. It panics when a payload of the step is not JSON.
func RunHandler[C, R any](ctx context.Context, function func(context.Context, *tasker.Step[C]) (R, error), step Step) Outcome {
	return Run(ctx, tasker.Func(function), step)
}

// RunProcess runs an object of the seed's form once, as RunHandler does.
func RunProcess(ctx context.Context, object tasker.StepHandler, step Step) Outcome {
	return Run(ctx, tasker.Class(object), step)
}

const handlerName = "handler_under_test"

// Run runs a handler that tasker.Func or tasker.Class made once, as RunHandler does.
func Run(ctx context.Context, code tasker.Handler, step Step) Outcome {
	log := step.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	request := step.request()
	taken := &deliveries{outcome: make(chan handler.Outcome, 1)}
	begin := make(chan struct{})
	registered := code.Registered()
	run := registered.Run
	registered.Run = func(ctx context.Context, attempt *handler.Attempt) (string, error) {
		<-begin
		return run(ctx, attempt)
	}
	runner := handler.NewRunner(handler.Options{
		Handlers: map[string]handler.Registered{handlerName: registered}, Concurrency: 1, Log: log, Deliveries: taken,
	})
	taken.settle = runner.CheckpointSettled
	runner.Accept([]handler.Request{request})
	cancel := func() { runner.Cancel([]string{request.LeaseID}, context.Cause(ctx).Error()) }
	if ctx.Err() != nil {
		cancel() // the handler begins cancelled
	}
	close(begin)
	stop := context.AfterFunc(ctx, cancel)
	defer stop()
	outcome := <-taken.outcome
	runner.Abandon("the test is over")
	return taken.describe(outcome)
}

func (s Step) request() handler.Request {
	attempt := max(s.Attempt, 1)
	previous := s.PreviousResults
	if previous == nil {
		previous = map[string]any{}
	}
	request := handler.Request{
		BatchID:            "batch_test",
		LeaseID:            "batch_test.1",
		Handler:            handlerName,
		StepName:           orElse(s.StepName, "step_under_test"),
		Config:             objectOf("Config", s.Config),
		Context:            objectOf("Context", s.Context),
		PreviousResults:    objectOf("PreviousResults", previous),
		Attempt:            attempt,
		RetryLimit:         max(attempt, orElse(s.MaxAttempts, 3)) - 1,
		Timeout:            orElse(s.Timeout, 30*time.Second),
		IdempotencyKey:     orElse(s.IdempotencyKey, "task-under-test:step_under_test"),
		TaskID:             orElse(s.TaskID, "0190a000-0000-7000-8000-000000000000"),
		MaxOutputBytes:     orElse(s.MaxOutputBytes, 4<<20),
		MaxCheckpointBytes: 64 << 10,
	}
	if s.Cursor != nil {
		request.Cursor = jsonOf("Cursor", s.Cursor)
	}
	return request
}

func objectOf(name string, value any) string {
	if value == nil {
		return "{}"
	}
	return jsonOf(name, value)
}

func jsonOf(name string, value any) string {
	text, err := handler.EncodeJSON(value)
	if err != nil {
		panic(fmt.Sprintf("taskertest: %s is not JSON: %v", name, err))
	}
	return text
}

func orElse[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// deliveries takes the place of the session: every checkpoint is confirmed at once.
type deliveries struct {
	outcome chan handler.Outcome
	settle  func(leaseID string, seq int64, refused string)

	mu          sync.Mutex
	heartbeats  []tasker.Payload
	checkpoints []tasker.Payload
}

func (d *deliveries) Outcome(outcome handler.Outcome) {
	select {
	case d.outcome <- outcome:
	default: // the late answer after a timeout
	}
}

func (d *deliveries) Overdue(int) {}

func (d *deliveries) Progress(_ int, _, progressJSON string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.heartbeats = append(d.heartbeats, tasker.Payload(progressJSON))
}

func (d *deliveries) Checkpoint(_ int, leaseID string, seq int64, cursorJSON string) {
	d.mu.Lock()
	d.checkpoints = append(d.checkpoints, tasker.Payload(cursorJSON))
	d.mu.Unlock()
	go d.settle(leaseID, seq, "") // the handler does not wait for it yet
}

func (d *deliveries) describe(o handler.Outcome) Outcome {
	d.mu.Lock()
	defer d.mu.Unlock()
	outcome := Outcome{
		Status: "failed", Output: tasker.Payload(o.Output), Retryable: o.Retryable, HandlerVersion: o.HandlerVersion,
		Heartbeats: d.heartbeats, Checkpoints: d.checkpoints,
	}
	if o.Completed {
		outcome.Status = "completed"
	} else {
		outcome.Error = &Error{}
		_ = json.Unmarshal([]byte(o.Error), outcome.Error) // the worker's own JSON
	}
	if o.RetryAfterMs != nil {
		outcome.RetryAfter = time.Duration(*o.RetryAfterMs * float64(time.Millisecond))
	}
	return outcome
}
